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
