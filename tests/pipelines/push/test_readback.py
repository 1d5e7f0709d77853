"""Read-back: the store shows what a command did without waiting for the next pull."""

from tests.pipelines.push.ground import Place, create, delete, update


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
    """Three hundred writes are sent in two calls and read back in one."""
    small.submit(*(update(small.case(), Priority="High") for _ in range(300)))
    before = small.org.requests()["counts"]
    small.drain()
    after = small.org.requests()["counts"]
    made = {kind: after[kind] - before.get(kind, 0) for kind in after if kind != "versions"}
    assert {kind: n for kind, n in made.items() if n} == {
        "collections.update": 2,
        "collections.read": 1,
    }


def test_rows_show_before_a_long_drain_ends(small: Place) -> None:
    """What was applied two seconds ago is read back while other commands are still being sent."""
    first = small.case()
    small.submit(update(first, Priority="High"), delete(small.case()), create(Subject="x"))
    seen: list[bool] = []

    def look(_: object) -> None:
        small.clock.advance(seconds=3)
        seen.append(small.row("Case", first) is not None)

    small.drain(on_settled=look)
    assert seen == [False, False, True]
