from __future__ import annotations

import json
from dataclasses import replace

import pytest

from activity.score import (
    CAME_BACK,
    ENOUGH,
    SCALES,
    Figures,
    Score,
    least,
    percent,
    score,
    suspends,
)

HEALTHY = Figures(reached=20_000, signups=21_000, complained=8, bounced=90, left=60)
LIMIT = 40


def part(found: Score, name: str):
    return next(each for each in found.parts if each.name == name)


def test_a_healthy_account_keeps_all_its_points() -> None:
    found = score(HEALTHY)
    assert (found.value, found.word, found.tone) == (100, "Good", "ok")
    assert found.lost == ()


def test_below_the_least_volume_there_is_no_score_whatever_happened() -> None:
    few = Figures(reached=ENOUGH - 1, complained=150, bounced=49)
    assert score(few).value is None
    assert score(few).word == "Too few to tell"
    assert not any(each.points for each in score(few).parts)
    assert not suspends(score(few), 100)
    assert score(replace(few, reached=ENOUGH)).value == 0


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("complaints", {"complained": 100_000}),
        ("bounces", {"bounced": 600_000, "refused": 400_000}),
        ("unsubscribes", {"left": 100_000}),
        ("lists", {"listed": 100_000, "listed_bad": 90_000}),
        ("filtered", {"filtered": {"bot": 950_000}}),
        ("traps", {"traps": 100_000}),
    ],
)
def test_each_part_costs_no_more_than_its_most(name: str, figures: dict) -> None:
    found = score(Figures(reached=1_000_000, signups=1_000_000, **figures))
    assert part(found, name).points == SCALES[name].most
    assert found.value == 100 - SCALES[name].most
    assert [each.name for each in found.lost] == [name]


@pytest.mark.parametrize("name", SCALES)
def test_points_grow_with_the_rate_and_never_jump(name: str) -> None:
    scale = SCALES[name]
    steps = [scale.points(rate / 10_000) for rate in range(10_001)]
    assert steps == sorted(steps)
    assert scale.points(scale.fine) == 0
    assert scale.points(scale.bad) == pytest.approx(scale.at_bad)
    assert scale.points(scale.stop) == pytest.approx(scale.most)
    assert scale.points(1.0) == scale.most


def test_the_published_limits_decide_at_large_volume() -> None:
    """Gmail: 0.1 % is good, 0.3 % is not. SES: 2 %, review at 5 %, pause at 10 %."""
    big = Figures(reached=10_000_000)
    assert score(replace(big, complained=9_900)).value == 100
    assert score(replace(big, complained=30_000)).value == 61
    assert score(replace(big, bounced=199_000)).value == 100
    assert score(replace(big, bounced=500_000)).value == 60
    assert suspends(score(replace(big, bounced=1_010_000)), LIMIT)
    assert not suspends(score(replace(big, bounced=500_000)), LIMIT)


def test_a_wave_of_bots_that_the_filter_stopped_suspends_nobody() -> None:
    wave = replace(
        HEALTHY,
        signups=1_000_000,
        filtered={"bot": 700_000, "disposable": 200_000},
        traps=60_000,
    )
    found = score(wave)
    assert found.value == 90
    assert not suspends(found, LIMIT)


def test_nothing_that_was_never_sent_suspends_not_even_at_a_high_limit() -> None:
    worst = Figures(
        reached=10_000,
        left=5_000,
        signups=100_000,
        filtered={"bot": 90_000},
        traps=9_000,
        listed=50_000,
        listed_bad=50_000,
    )
    found = score(worst)
    assert found.value == 65
    assert not suspends(found, 99)
    most = sum(scale.most for name, scale in SCALES.items() if name not in CAME_BACK)
    assert 100 - most >= LIMIT


def test_one_complaint_among_few_is_chance() -> None:
    one = score(Figures(reached=ENOUGH, complained=1))
    assert part(one, "complaints").rate == 0.005  # over every limit, and proves little
    assert one.value == 98
    assert not suspends(score(Figures(reached=ENOUGH, complained=2)), LIMIT)
    assert suspends(score(Figures(reached=ENOUGH, complained=8)), LIMIT)


def test_the_least_likely_rate() -> None:
    assert least(0, 100) == 0 and least(5, 0) == 0
    # Wilson's lower bound, one-sided 95 %, of 10 in 100.
    assert least(10, 100) == pytest.approx(0.0603, abs=0.0005)
    assert least(100_000, 1_000_000) == pytest.approx(0.1, abs=0.0006)
    assert all(least(n, 200) <= n / 200 for n in range(201))
    assert all(least(n, 200) < least(n + 1, 200) for n in range(200))
    assert least(300, 200) <= 1


def test_switched_off_it_suspends_nobody() -> None:
    worst = score(Figures(reached=1000, complained=500, bounced=500))
    assert worst.value == 0
    assert suspends(worst, LIMIT) and not suspends(worst, 0)


def test_parts_say_figures_rate_and_limits_in_words() -> None:
    found = part(score(Figures(reached=4000, complained=40)), "complaints")
    assert found.sentence == "40 of 4,000 people marked your mail as spam: 1.0 %."
    assert found.limits == "good below 0.10 %, bad from 0.30 %"
    assert found.tone == "bad" and found.proven == "0.77 %"
    assert (percent(0), percent(0.0004), percent(0.5)) == ("0.0 %", "0.04 %", "50.0 %")


@pytest.mark.parametrize(
    ("count", "bar"), [(0, 0), (10, 25), (20, 50), (35, 75), (50, 100), (900, 100)]
)
def test_the_bar_is_half_full_at_the_good_limit_and_full_at_the_bad(
    count: int, bar: int
) -> None:
    assert part(score(Figures(reached=1000, bounced=count)), "bounces").bar == bar


def test_evidence_can_be_stored_as_json() -> None:
    stored = [each.as_dict() for each in score(HEALTHY).parts]
    assert json.loads(json.dumps(stored)) == stored
