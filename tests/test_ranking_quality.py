from tfcompress.ranking_quality import RankingQuality


def test_json_keys():
    quality = RankingQuality(0.25, 0.5, 10, 4, 1, True)
    assert quality.to_json() == {
        "ndcg@10": 0.25,
        "hr@10": 0.5,
        "users": 4,
        "unknown_targets": 1,
        "history_masked": True,
    }


def test_what_is_counted_has_its_number():
    told = [RankingQuality(0.25, 0.5, 10, 4, unknown, True).conditions() for unknown in (0, 1, 2)]
    masked = "4 users, whole catalogue, seen items left out"
    assert told == [masked, f"{masked}, 1 unknown target", f"{masked}, 2 unknown targets"]
