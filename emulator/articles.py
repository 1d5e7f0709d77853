"""The life of articles, as the knowledge management calls move it on."""

from __future__ import annotations

from emulator.behaviour import knowledge
from emulator.errors import insufficient_access
from emulator.ids import canonical
from emulator.turns import Turns, turn


class Articles(Turns):
    """Publish, reopen, archive and delete the versions of articles."""

    @turn
    def publish(self, kav_id: str, *, new_version: bool = True, user_id: str | None = None) -> None:
        self._permit("update")
        with self._engine.savepoint():
            knowledge.publish(
                self._engine,
                kav_id,
                new_version=new_version,
                user_id=user_id or self.default_user_id,
            )

    @turn
    def new_draft(self, article_id: str, *, user_id: str | None = None) -> str:
        self._permit("update")
        with self._engine.savepoint():
            return knowledge.new_draft(
                self._engine, canonical(article_id) or "", user_id=user_id or self.default_user_id
            )

    @turn
    def archive(self, kav_id: str, *, user_id: str | None = None) -> None:
        self._permit("update")
        with self._engine.savepoint():
            knowledge.archive(self._engine, kav_id, user_id=user_id or self.default_user_id)

    @turn
    def delete_version(self, kav_id: str, *, user_id: str | None = None) -> None:
        self._permit("delete")
        with self._engine.savepoint():
            knowledge.delete_version(self._engine, kav_id, user_id=user_id or self.default_user_id)

    def _permit(self, verb: str) -> None:
        """Refuse whoever lacks the permission, in an org that has articles."""
        name = "Knowledge__kav"
        if self._registry.whole(name).can(verb) and not self._registry.find(name).can(verb):
            raise insufficient_access()
