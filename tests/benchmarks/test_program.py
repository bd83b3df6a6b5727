"""`python -m benchmarks` itself: what it accepts, and how tables and ratios are made."""

import pytest

from benchmarks.__main__ import PARTS, main
from benchmarks.output import markdown
from benchmarks.part import NothingChosen, Table, interleaved, noise, number, ratios


def test_an_unknown_name_exits_with_2_and_lists_the_known_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["start", "sign-inz"])
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "unknown: sign-inz" in err
    assert ", ".join(PARTS) in err


def test_the_list_names_every_part(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--list"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(PARTS)


def test_rounds_are_interleaved_and_every_other_one_goes_backwards() -> None:
    asked: list[str] = []

    def measure(cell: str) -> int:
        asked.append(cell)
        return len(asked)

    found = interleaved(["ours", "theirs"], 3, measure)
    assert asked == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]
    assert found == {"ours": [1, 4, 5], "theirs": [2, 3, 6]}


def test_no_cells_are_an_error() -> None:
    with pytest.raises(NothingChosen):
        interleaved([], 3, lambda cell: cell)


def test_a_table_is_a_section_of_markdown() -> None:
    table = Table("Cats", ("Name", "Lives"), [["Tom", "9"]], ["One cat only."])
    assert markdown(table) == (
        "### Cats\n\n| Name | Lives |\n| --- | ---: |\n| Tom | 9 |\n\nOne cat only.\n\n"
    )


def test_a_ratio_is_the_median_of_the_ratios_of_each_round() -> None:
    # A busy second round slows both, and must not change the ratio.
    assert ratios([10, 2, 12], [20, 4, 20]) == 0.5


def test_the_noise_is_the_spread_of_the_baseline() -> None:
    assert "bare varied by 20%" in noise("bare", [90, 100, 110])
    assert noise("bare", [90]) == "One round only, so the noise is unknown."


@pytest.mark.parametrize(
    ("value", "text"), [(1234.5, "1234"), (99.96, "100.0"), (12.34, "12.3"), (0.456, "0.46")]
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert number(value) == text
