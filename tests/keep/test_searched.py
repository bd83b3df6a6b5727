"""What an operator searched for names nobody once that person has left."""

import pytest
from sqlalchemy import select

from tests.keep.world import World
from webapp.actor import Actor, acting_as
from webapp.database import Base, reading
from webapp.models import AuditEvent, BulkJob
from webapp.services.connect import disconnect
from webapp.services.operators import bulk, bulk_order, bulk_work, export
from webapp.services.operators.list_query import Query

pytestmark = pytest.mark.usefixtures("each_database")


def everything() -> str:
    """Return every value of every table."""
    with reading() as session:
        tables = Base.metadata.sorted_tables
        return repr([session.execute(select(table)).all() for table in tables])


@pytest.mark.parametrize("end", ["worked on", "stopped"])
def test_what_was_searched_for_is_in_no_table_after_the_person_has_left(
    world: World, end: str
) -> None:
    open_id = world.person()
    ref = world.row(open_id).ref
    with acting_as(Actor("operator", "ct_7777-7777")):
        query = f"q={open_id}&status=healthy"
        selection = bulk_order.Selection(query)
        confirmed = bulk_order.Confirmed(1, world.clock())
        bulk_order.create_job(world.runtime, "made-up-job-1", "refresh", selection, confirmed)
        export.record_export(Query(search=open_id), "csv", world.clock())
        if end == "stopped":
            bulk.stop_job(world.runtime, "made-up-job-1")
    bulk_work.step(world.runtime)
    with reading() as session:
        job = session.scalars(select(BulkJob)).one()
        fields = session.scalars(select(AuditEvent.fields)).all()
    assert (job.query, job.total) == ("status=healthy", 1)
    assert any("q=*&status=healthy" in each for each in fields), "that there was a search is kept"
    assert open_id not in "".join(fields)
    disconnect.delete_person(world.runtime, ref)
    assert open_id not in everything()
