"""The database refuses the other ways to change the audit: replacing, emptying, deleting early.

Only events of at least a day ago can be deleted, as AUDIT_DAYS is a day or more; an hour is left
for clocks that differ. A rebuilt table needs the triggers again.
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_SQLITE = {
    # REPLACE deletes the former row without calling a trigger.
    "audit_events_not_replaced": """
        BEFORE INSERT ON audit_events
        WHEN EXISTS (SELECT 1 FROM audit_events WHERE id = NEW.id)
        BEGIN SELECT RAISE(ABORT, 'audit events are never changed'); END
    """,
    "audit_events_kept": """
        BEFORE DELETE ON audit_events
        WHEN OLD.at > strftime('%Y-%m-%d %H:%M:%f', 'now', '-23 hours')
        BEGIN SELECT RAISE(ABORT, 'audit events are never changed'); END
    """,
}
_POSTGRES = {
    "audit_events_not_emptied": """
        BEFORE TRUNCATE ON audit_events
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()
    """,
    "audit_events_kept": """
        BEFORE DELETE ON audit_events
        FOR EACH ROW WHEN (OLD.at > now() - interval '23 hours')
        EXECUTE FUNCTION refuse_audit_change()
    """,
}


def upgrade() -> None:
    """Set the triggers."""
    triggers = _SQLITE if _is_sqlite() else _POSTGRES
    for name, body in triggers.items():
        op.execute(f"CREATE TRIGGER {name} {body}")


def downgrade() -> None:
    """Take them away again."""
    for name in _SQLITE if _is_sqlite() else _POSTGRES:
        op.execute(f"DROP TRIGGER {name}" + ("" if _is_sqlite() else " ON audit_events"))


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"
