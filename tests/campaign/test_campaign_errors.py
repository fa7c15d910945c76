from __future__ import annotations

from pathlib import Path

import pytest

from phonon.campaign.loading import load_campaign
from phonon.campaign.problems import CampaignError, did_you_mean, masked

GOOD = """\
name: renewal_reminder
schedule: "0 9 * * MON-SAT"
purpose: service
contacts: sql/renewal_contacts.sql
contact_id: policy_id
numbers: [mobile]
variables: {Name: first_name}
flow_id: wruHzoCK
window: {open: "10:00", close: "19:00"}
limits: {max_calls: 50000}
"""


@pytest.fixture
def include(tmp_path: Path) -> Path:
    folder = tmp_path / "include"
    (folder / "campaigns").mkdir(parents=True)
    (folder / "sql").mkdir()
    (folder / "sql" / "renewal_contacts.sql").write_text("SELECT 1", encoding="utf-8")
    (folder / "sql" / "empty.sql").write_text("-- SELECT nothing\n/* yet */\n", encoding="utf-8")
    (folder / "sql" / "latin.sql").write_bytes(b"SELECT '\xe9'")
    return folder


def error_of(include: Path, content: str | bytes) -> CampaignError:
    path = include / "campaigns" / "broken.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(CampaignError) as told:
        load_campaign(path, include=include)
    return told.value


def test_the_file_that_the_others_are_broken_copies_of_is_good(include: Path) -> None:
    path = include / "campaigns" / "good.yaml"
    path.write_text(GOOD, encoding="utf-8")
    assert load_campaign(path, include=include).name == "renewal_reminder"


# What is written instead of what; where that is; which key; parts of what is told.
BROKEN_VALUES = [
    ("name: renewal_reminder", "name: 123", 1, 7, "name", ["Expected text", "123", 'Quote it: "123"']),
    ("name: renewal_reminder", "name: yes", 1, 7, "name", ["reads as true or false", 'Quote it: "yes"']),
    ("name: renewal_reminder", "name:", 1, 6, "name", ["Expected text", "found nothing", "Give it a value"]),
    ("name: renewal_reminder", "name: my campaign", 1, 7, "name", ["a Dag id", "'my campaign'"]),
    ("name: renewal_reminder", "name: [a, b]", 1, 7, "name", ["Expected text", "a list of 2"]),
    (
        "purpose: service",
        "purpose: servise",
        3,
        10,
        "purpose",
        ["promotional, service", "'servise'", "mean 'service'"],
    ),
    ("purpose: service", "purpose: Service", 3, 10, "purpose", ["Did you mean 'service'?"]),
    ("purpose: service", "purpos: service", 3, 1, "purpos", ["no key 'purpos'", "Did you mean 'purpose'?"]),
    ("purpose: service", "max_calls: 5", 3, 1, "max_calls", ["belongs under limits"]),
    ("{max_calls: 50000}", "{purpose: service}", 10, 10, "limits.purpose", ["belongs at the top of the file"]),
    (
        "{max_calls: 50000}",
        "{max_cals: 5}",
        10,
        10,
        "limits.max_cals",
        ["of limits: max_calls, per_number", "'max_calls'?"],
    ),
    ("{max_calls: 50000}", "{max_calls: many}", 10, 21, "limits.max_calls", ["a whole number", "'many'"]),
    ("{max_calls: 50000}", "{max_calls: 0}", 10, 21, "limits.max_calls", ["above 0", "found 0"]),
    ("{max_calls: 50000}", "{per_number: {calls: 0}}", 10, 30, "limits.per_number.calls", ["1 or more"]),
    ("{max_calls: 50000}", "5", 10, 9, "limits", ["a mapping with the keys max_calls, per_number"]),
    ('"0 9 * * MON-SAT"', '"@dialy"', 2, 11, "schedule", ["presets", "Did you mean '@daily'?"]),
    ('"0 9 * * MON-SAT"', "none", 2, 11, "schedule", ["null (without quotes)"]),
    ('"0 9 * * MON-SAT"', '"0 9 * *"', 2, 11, "schedule", ["a cron expression", "'0 9 * *'"]),
    ('"0 9 * * MON-SAT"', '"0 9 30 2 *"', 2, 11, "schedule", ["this one never does"]),
    ('"0 9 * * MON-SAT"', "{assets: x}", 2, 12, "schedule.assets", ["Did you mean 'asset'?"]),
    ("contact_id: policy_id", "contact_id: 5", 5, 13, "contact_id", ["Expected text"]),
    ("numbers: [mobile]", "numbers: mobile", 6, 10, "numbers", ["a list, like [mobile]", "'mobile'"]),
    ("numbers: [mobile]", "numbers: []", 6, 10, "numbers", ["a list of at least 1"]),
    ("numbers: [mobile]", "numbers: [mobile, no]", 6, 19, "numbers[1]", ["true or false", 'Quote it: "no"']),
    ("numbers: [mobile]", "numbers: [mobile, mobile]", 6, 10, "numbers", ["'mobile' comes twice"]),
    ("{Name: first_name}", "{$flow.key.Name: n}", 7, 13, "variables.$flow.key.Name", ["without '$flow.key.'"]),
    ("{Name: first_name}", "{Name: 5}", 7, 19, "variables.Name", ["Expected text"]),
    ("{Name: first_name}", "[Name]", 7, 12, "variables", ["a mapping", "a list of 1"]),
    (
        "{Name: first_name}",
        "{ClientIdentifier: policy_id}",
        7,
        31,
        "variables.ClientIdentifier",
        ["filled twice", "Name another correlation_key"],
    ),
    ("flow_id: wruHzoCK", "flow_id: 01234567", 8, 10, "flow_id", ["01234567, which YAML reads", 'it: "01234567"']),
    ("flow_id: wruHzoCK", "flow_id: abc", 8, 10, "flow_id", ["exactly 8 letters and digits", "'abc'"]),
    ('open: "10:00"', "open: 10:00", 9, 16, "window.open", ["in quotes", "10:00, which YAML reads", '"10:00"']),
    ('open: "10:00"', 'open: "25:00"', 9, 16, "window.open", ["a time of day", "'25:00'"]),
    (
        'open: "10:00"',
        'open: "08:59"',
        9,
        16,
        "window.open",
        ["08:59-19:00", "wider than purpose service", "09:00-21:00"],
    ),
    ('close: "19:00"', 'close: "21:01"', 9, 32, "window.close", ["wider than purpose service"]),
    ('close: "19:00"', 'close: "09:30"', 9, 32, "window.close", ["must open before it closes"]),
    ('close: "19:00"', "days: [monday]", 9, 32, "window.days[0]", ["mon, tue", "'monday'", "Did you mean 'mon'?"]),
    ('close: "19:00"', "days: mon", 9, 31, "window.days", ["a list, like [mon, tue]"]),
    ('close: "19:00"', "timezone: Asia/Kolkatta", 9, 35, "window.timezone", ["Did you mean 'Asia/Kolkata'?"]),
    ('close: "19:00"', "timezone: Asia/Dubai", 9, 35, "window.timezone", ["give both open and close"]),
    ("limits: {max_calls: 50000}", "start_at: 9:30", 10, 11, "start_at", ["9:30, which YAML reads", 'it: "09:30"']),
    ("limits: {max_calls: 50000}", "start_date: 2026-02-30", 10, 13, "start_date", ["a date that exists"]),
    ("limits: {max_calls: 50000}", "endpoint: real_time", 10, 11, "endpoint", ["Did you mean 'realtime'?"]),
    ("limits: {max_calls: 50000}", "on_unknown: {bulk: holt}", 10, 20, "on_unknown.bulk", ["mean 'hold'?"]),
    (
        "limits: {max_calls: 50000}",
        "on_unknown: {<<: {bulk: hold}, bulk: holt}",
        10,
        38,
        "on_unknown.bulk",
        ["'holt'"],
    ),
    ("limits: {max_calls: 50000}", "results_table: a.b.c", 10, 16, "results_table", ["schema.table"]),
    ("limits: {max_calls: 50000}", "purpose: service", 10, 1, "purpose", ["comes twice", "the first is on line 3"]),
    ("{max_calls: 50000}", "{max_calls: 1, max_calls: 2}", 10, 24, "limits.max_calls", ["comes twice"]),
    ("renewal_contacts", "renewals", 4, 11, "contacts", ["no file 'sql/renewals.sql'", "sql/renewal_contacts.sql"]),
    ("renewal_contacts", "renewal_contact", 4, 11, "contacts", ["Did you mean 'sql/renewal_contacts.sql'?"]),
    ("sql/renewal_contacts", "../../secret", 4, 11, "contacts", ["leads out of"]),
    ("sql/renewal_contacts", "/etc/secret", 4, 11, "contacts", ["leads out of"]),
    ("renewal_contacts", "empty", 4, 11, "contacts", ["holds no SQL"]),
    ("renewal_contacts", "latin", 4, 11, "contacts", ["not UTF-8"]),
    ("renewal_contacts", "a" * 300, 4, 11, "contacts", ["cannot be read"]),
    ("sql/renewal_contacts.sql", "DELETE FROM x", 4, 11, "contacts", ["SQL with a SELECT", "'DELETE FROM x'"]),
    ("limits: {max_calls: 50000}", "approval: {over: 1}", 10, 12, "approval.over", ["keys of approval: above"]),
    ("limits: {max_calls: 50000}", "backfill: {mode: cal}", 10, 18, "backfill.mode", ["Did you mean 'call'?"]),
    ("limits: {max_calls: 50000}", "backfill: {max_age: 2}", 10, 21, "backfill.max_age", ["30s, 10m, 4h or 2d"]),
    ("limits: {max_calls: 50000}", "follow_up: {at_most: 2}", 10, 1, "follow_up.of", ["'of' is required"]),
    (
        "limits: {max_calls: 50000}",
        "notify: [{notifier: a.B, on: [hold]}]",
        10,
        31,
        "notify[0].on[0]",
        ["Did you mean 'held'?"],
    ),
    ('"0 9 * * MON-SAT"', "{new_rows: {table: a}}", 2, 12, "schedule.new_rows.cursor", ["'cursor' is required"]),
    (
        "limits: {max_calls: 50000}",
        "limits: {max_calls: 500}\napproval: {above: 500}",
        11,
        19,
        "approval.above",
        ["Nobody would ever be asked", "more than 500 calls"],
    ),
    (
        '"0 9 * * MON-SAT"',
        "{new_rows: {table: a, cursor: b}}\nfollow_up: {of: reminders}",
        3,
        12,
        "follow_up",
        ["gets each row once", "Give a cron expression"],
    ),
    (
        'close: "19:00"',
        'close: "19:00", outside: drop',
        9,
        50,
        "window.outside",
        ["Every contact would be dropped", "0 9 * * MON-SAT starts no run inside 10:00-19:00"],
    ),
    ('"0 9 * * MON-SAT"', "{new_rows: {cursor: a}}", 2, 22, "schedule.new_rows", ["either a table or a query"]),
]


@pytest.mark.parametrize(
    ("right", "broken", "line", "column", "key", "told"),
    BROKEN_VALUES,
    ids=[f"{key}-{broken[:30]}" for _, broken, _, _, key, _ in BROKEN_VALUES],
)
def test_an_error_names_the_place_the_key_what_was_expected_and_what_was_there(
    include: Path, right: str, broken: str, line: int, column: int, key: str, told: list[str]
) -> None:
    assert right in GOOD
    error = error_of(include, GOOD.replace(right, broken))
    (problem,) = [each for each in error.problems if each.key == key]
    assert (problem.line, problem.column) == (line, column)
    for part in told:
        assert part in problem.text
    assert f"line {line}, column {column}: {key}\n" in str(error)


@pytest.mark.parametrize(
    ("right", "broken", "keys"),
    [
        ('close: "19:00"', "days: [MON, Tue]", ["window.days[0]", "window.days[1]"]),
        ("numbers: [mobile]", "numbers: [5]", ["numbers[0]"]),
        ("numbers: [mobile]", "numbers: []", ["numbers"]),
    ],
)
def test_a_list_is_too_short_only_if_it_has_too_few_entries(
    include: Path, right: str, broken: str, keys: list[str]
) -> None:
    assert [problem.key for problem in error_of(include, GOOD.replace(right, broken)).problems] == keys


UNREADABLE = [
    ("", 1, ["The file is empty", "name, contacts"]),
    ("# only a comment\n", 1, ["The file is empty"]),
    ("- a\n- b\n", 1, ["The file holds a list"]),
    ("just text\n", 1, ["the text 'just text'"]),
    ("!!set {a, b}\n", 1, ["The file holds"]),
    ("name: a\n\tpurpose: service\n", 2, ["tab", "spaces only"]),
    ("limits:\n\tmax_calls: 5\n", 2, ["tab", "spaces only"]),
    (GOOD + "---\n" + GOOD, 11, ["A second document begins here", "its own file"]),
    ("schedule: @daily\n", 1, ["'@'", "in quotes"]),
    ("schedule: */5 * * * *\n", 1, ["in quotes"]),
    ("description: Renewals: now\n", 1, ["second ': '", "in quotes"]),
    ("name: [a, b\nowner: x\n", 2, ["YAML cannot read this"]),
    ("name: !campaign a\n", 1, ["YAML tags"]),
    ("name: {{ name }}\n", 1, ["a key is text"]),
    ("name: a\nowner: \x01\n", 2, ["U+0001"]),
    (b"name: a\nowner: caf\xe9\n", 2, ["not UTF-8"]),
    ("[" * 5000, 1, ["nested too deeply"]),
]


@pytest.mark.parametrize(("content", "line", "told"), UNREADABLE, ids=[str(told[0]) for *_, told in UNREADABLE])
def test_a_file_that_is_not_one_mapping_in_yaml_is_told_where_and_why(
    include: Path, content: str | bytes, line: int, told: list[str]
) -> None:
    (problem,) = error_of(include, content).problems
    assert problem.line == line
    for part in told:
        assert part in problem.text


def test_an_error_shows_the_lines_around_with_a_caret_under_the_value(include: Path) -> None:
    error = error_of(include, GOOD.replace("purpose: service", "purpose: servise"))
    assert str(error) == (
        f"{error.path}: 1 problem\n"
        "\n"
        "line 3, column 10: purpose\n"
        '    2 | schedule: "0 9 * * MON-SAT"\n'
        "    3 | purpose: servise\n"
        "      |          ^\n"
        "    4 | contacts: sql/renewal_contacts.sql\n"
        "Expected one of promotional, service, transactional, recovery; found 'servise'. Did you mean 'service'?"
    )


def test_a_long_line_is_shown_around_the_place(include: Path) -> None:
    long = "window: {" + " " * 300 + 'close: "21:01"}'
    error = error_of(include, GOOD.replace('window: {open: "10:00", close: "19:00"}', long))
    shown = error.problems[0].excerpt.splitlines()
    assert shown[2].index("^") == shown[1].index('"21:01"')


def test_all_errors_of_a_file_are_told_at_once_in_the_order_of_its_lines(include: Path) -> None:
    error = error_of(
        include,
        "name: 123\npurpose: servise\ncontacts: sql/gone.sql\nnumbers: mobile\nnumbers: mobile\nflow_id: abc\n",
    )
    keys = ["contact_id", "name", "purpose", "contacts", "numbers", "numbers", "flow_id"]
    assert [problem.key for problem in error.problems] == keys
    assert "7 problems" in str(error)


def test_each_key_that_is_missing_is_named_with_what_it_is_for(include: Path) -> None:
    error = error_of(include, "owner: growth\n")
    assert [problem.key for problem in error.problems] == ["name", "contacts", "contact_id", "numbers", "flow_id"]
    assert "The key 'flow_id' is required. The id of the Phonon flow" in str(error)


def test_a_number_or_a_secret_in_a_campaign_file_is_not_repeated_by_its_errors(include: Path) -> None:
    number, secret = "919999912345", "k3Y" * 21 + "x"
    text = GOOD + f"security_id: {secret}\nphone: '+91 99999 12345'\nmobile: {number}\npurpose: {number}\n"
    told = str(error_of(include, text))
    for hidden in (number, "99999 12345", secret):
        assert hidden not in told


def test_masking_keeps_dates_and_the_length_of_what_it_hides() -> None:
    assert masked("2026-11-01 call 99999 12345 now") == "2026-11-01 call *********** now"


@pytest.mark.parametrize(
    ("written", "suggested"),
    [("servise", "service"), ("SERVICE", "service"), ("services", "service"), ("something else", None)],
)
def test_only_a_near_choice_is_suggested(written: str, suggested: str | None) -> None:
    expected = f" Did you mean {suggested!r}?" if suggested else ""
    assert did_you_mean(written, ["promotional", "service"]) == expected
