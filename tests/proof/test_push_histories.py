"""Random histories of commands through a whole installation in turmoil, each with one effect."""

from pathlib import Path

from tests.proof.soak import Plan, Soak
from tests.proof.turmoil import topology


def test_random_commands_in_turmoil_happen_once(tmp_path: Path) -> None:
    """Workers and servers are killed, replies lost, rows locked: org, outbox and rows agree."""
    plan = Plan(
        seed=11, commands=300, records=40, waves=6, strikes=4, limits=False, keyless=("WorkOrder",)
    )
    with topology(tmp_path) as installation:
        account = Soak(plan, installation).run()
    assert account.differences == [], "\n".join(account.table())
    assert account.happened.total() > plan.strikes
