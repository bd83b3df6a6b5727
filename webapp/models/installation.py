"""Which installation this database belongs to, so that a copy of it is seen."""

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
    #: The short public name of the key that sealed when the row was written.
    key_id: Mapped[str] = mapped_column(Text)
    client_key: Mapped[str] = mapped_column(Text)
    bound_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: Random, new with every binding: says which database the installation's own file counts for.
    binding: Mapped[str] = mapped_column(Text)
    #: Counts up while a worker runs, here and in that file: a file that is ahead of the row means
    #: that the database went back in time.
    generation: Mapped[int] = mapped_column(default=0)
    #: When everything was copied to another database, which alone refreshes since; None: never.
    moved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
