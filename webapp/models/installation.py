"""The installation this database belongs to, so a copy of it can be detected."""

from datetime import datetime

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.database import Base, UtcDateTime


class Installation(Base):
    """The one row that binds the database to INSTANCE_ID, the sealing key and the TikTok app."""

    __tablename__ = "installation"

    #: Always 1.
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    instance_id: Mapped[str] = mapped_column(Text)
    #: The short public name of the sealing key when the row was written.
    key_id: Mapped[str] = mapped_column(Text)
    client_key: Mapped[str] = mapped_column(Text)
    bound_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: Random, new with every binding: names the binding that the generation file counts for. For
    #: SQLite, `/` and the name of the file follow, which a copy beside the original hasn't got.
    binding: Mapped[str] = mapped_column(Text)
    #: Counts up while a worker runs, here and in that file. If the file is ahead of the row, the
    #: database was reset to an earlier state.
    generation: Mapped[int] = mapped_column(default=0)
    #: When everything was copied to another database, which refreshes instead; None: never.
    moved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
