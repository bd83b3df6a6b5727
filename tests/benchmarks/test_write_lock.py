"""What the sign-ins' benchmark reads from /metrics about the write lock."""

from benchmarks.signing_in.write_lock import Writes, parse

METRICS = """# HELP coatcheck_write_wait_seconds How long writes waited.
# TYPE coatcheck_write_wait_seconds histogram
coatcheck_write_wait_seconds_bucket{le="0.005"} 3.0
coatcheck_write_wait_seconds_count 4.0
coatcheck_write_wait_seconds_sum 0.25
coatcheck_write_hold_seconds_count{durable="1"} 1.0
coatcheck_write_hold_seconds_sum{durable="1"} 0.5
coatcheck_write_hold_seconds_count{durable="0"} 3.0
coatcheck_write_hold_seconds_sum{durable="0"} 1.5e-1
coatcheck_http_request_seconds_sum{endpoint="home.index"} 9.0
"""


def test_waiting_and_holding_are_summed_over_all_labels() -> None:
    assert parse(METRICS) == Writes(number=4.0, waited=0.25, held=0.65)


def test_a_server_that_does_not_measure_its_writes_has_none() -> None:
    assert parse('coatcheck_http_request_seconds_sum{endpoint="home.index"} 9.0\n') == Writes()


def test_what_was_added_since_is_the_difference() -> None:
    assert Writes(5, 2.0, 1.0).since(Writes(3, 0.5, 0.25)) == Writes(2, 1.5, 0.75)
