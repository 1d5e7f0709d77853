"""Read-back: the store shows what a command did without waiting for the next pull."""

from tests.pipelines.push.ground import Place, create, update


def test_what_the_org_made_of_it_is_in_the_store(place: Place) -> None:
    """The row shows what Salesforce filled in: the number, the owner, the closing date."""
    (command,) = place.submit(create(Subject="x", Status="Closed"))
    place.drain()
    row = place.row("Case", place.entry(command).result_id or "") or {}
    assert row["case_number"]
    assert row["owner_id"].startswith("005")
    assert row["closed_date"] is not None


def test_a_read_that_fails_is_left_to_the_pull(small: Place) -> None:
    """The command is applied all the same, and the drain goes on."""
    first, second = small.case(), small.case()
    small.org.fault(match={"path": "/queryAll"}, do={"status": 500, "code": "UNKNOWN_EXCEPTION"})
    small.submit(update(first, Priority="High"))
    small.drain()
    small.submit(update(second, Priority="High"))
    small.drain()
    assert small.counts() == {"applied": 2}
    assert (small.row("Case", first), bool(small.row("Case", second))) == (None, True)


def test_many_records_are_read_in_few_calls(small: Place) -> None:
    """Thirty writes within two seconds are read back in a call or two, not in thirty."""
    small.submit(*(update(small.case(), Priority="High") for _ in range(30)))
    before = small.org.requests()["counts"].get("query", 0)
    small.drain()
    assert small.org.requests()["counts"].get("query", 0) - before <= 5


def test_rows_show_before_a_long_drain_ends(small: Place) -> None:
    """What was applied two seconds ago is read back while other commands are still being sent."""
    first, second = small.case(), small.case()
    small.submit(update(first, Priority="High"), update(second, Priority="High"))
    seen: list[bool] = []

    def look(_: object) -> None:
        small.clock.advance(seconds=3)
        seen.append(small.row("Case", first) is not None)

    small.drain(on_settled=look)
    assert seen == [False, True]
