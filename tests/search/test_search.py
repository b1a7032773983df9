"""`star-search`: table, page, saved indexes, and what it refuses."""

from __future__ import annotations

import csv
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.features import made_features

from star.config.commands import read_command
from star.config.search_command import COMMAND, RULES, SearchConfig
from star.engine.search import search
from star.errors import ConfigError, DataError
from star.search import index_folder
from star.search.feature_files import write_features
from star.search.features import Features
from star.search.index_folder import read_index


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with q.npz, infrared queries, and g.npz, a gallery of 300; both have the clock of the day."""
    write_features(tmp_path / "q.npz", made_features(5, seed=1, modality="infrared", joints=True))
    write_features(tmp_path / "g.npz", made_features(300))
    return tmp_path


def run(folder: Path, *arguments: str) -> str:
    given = [f"query={folder / 'q.npz'}", f"gallery={folder / 'g.npz'}", f"out={folder / 'out'}"]
    named = {argument.partition("=")[0] for argument in arguments}
    kept = [argument for argument in given if argument.partition("=")[0] not in named]
    return search(read_command([*kept, *arguments], COMMAND, SearchConfig, RULES))


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "out" / "results.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_table_has_every_answer_with_what_is_known_of_it(files):
    said = run(files, "top=3")
    query, gallery = made_features(5, seed=1), made_features(300)
    order = np.argsort(-(query.values @ gallery.values.T), axis=1)[:, :3]
    rows = table(files)
    assert [row["answer"] for row in rows] == [f"visible/{item}" for item in order.ravel()]
    assert [row["rank"] for row in rows[:4]] == ["1", "2", "3", "1"] and rows[3]["query"] == "infrared/1"
    best = int(order[0, 0])
    assert float(rows[0]["similarity"]) == pytest.approx(float(query.values[0] @ gallery.values[best]), abs=1e-6)
    assert (rows[0]["identity"], rows[0]["camera"], rows[0]["modality"]) == (str(best % 7), "ab"[best % 2], "visible")
    assert rows[3]["query_start"] == "1970-01-01T00:00:10.000+00:00" and rows[3]["query_identity"] == "1"
    right = sum(int(order[n, 0]) % 7 == n for n in range(5))
    assert f"the first answer is the right person for {right} of 5 queries" in said
    assert f"written: {files / 'out' / 'page.html'}" in said


def of_data_set(features: Features, state: str) -> Features:
    return features._replace(about={**features.about, "making": {"source": "split=query", "source state": state}})


def test_people_of_two_data_sets_are_not_compared_by_their_numbers(files):
    for name, state in (("g", "one"), ("h", "two")):
        write_features(files / f"{name}.npz", of_data_set(made_features(300), state))
    write_features(files / "q.npz", of_data_set(made_features(5, seed=1), "two"))
    said = run(files, "top=3")
    page = (files / "out" / "page.html").read_text(encoding="utf-8")
    assert "is the right person" not in said and "same person" not in page and "another person" not in page
    assert table(files)[0]["identity"] != ""
    assert "of 5 queries" in run(files, f"gallery={files / 'h.npz'}")
    run(files, f"gallery=[{files / 'g.npz'},{files / 'h.npz'}]", "top=2", "camera=other")
    assert table(files) and all(row["camera"] != row["query_camera"] for row in table(files))


def test_a_saved_index_knows_the_data_set_of_each_of_its_files(files):
    pytest.importorskip("faiss", reason="faiss is not installed (extra `search`)")
    write_features(files / "g.npz", of_data_set(made_features(20), "one"))
    write_features(files / "h.npz", of_data_set(made_features(30, seed=2), "two"))
    both = f"gallery=[{files / 'g.npz'},{files / 'h.npz'}]"
    run(files, "query=null", both, "index=flat", f"save_index={files / 'i'}")
    sets = read_index(files / "i", probes=1).items.sets
    assert sets.tolist() == ["one"] * 20 + ["two"] * 30


def test_one_is_no_plural(files):
    write_features(files / "q.npz", made_features(1, seed=1, cameras=("a",)))
    write_features(files / "g.npz", made_features(1, cameras=("a",)))
    said = run(files)
    assert said.startswith("1 query in 1 tracklet, exact: ") and "for 1 of 1 query\n" in said
    assert "1 query has no answer that passes the filters" in run(files, "camera=other")
    page = (files / "out" / "page.html").read_text(encoding="utf-8")
    assert "<h1>1 query and" in page and "q.npz: 1 tracklet<" in page and "g.npz: 1 tracklet<" in page
    write_features(files / "q.npz", made_features(2, seed=1))
    run(files, "page_queries=1")
    page = (files / "out" / "page.html").read_text(encoding="utf-8")
    assert "<h1>2 queries and" in page and "Shown is the first query; all are in results.csv" in page


def test_times_that_no_calendar_has_are_numbers(files):
    made = made_features(2)
    ends = np.array([253402300800.4, 1e300])
    late = replace(made.items, starts=np.array([253402300799.75, 1e299]), ends=ends)
    write_features(files / "g.npz", made._replace(items=late))
    run(files, "top=2")
    times = {row["answer"]: (row["start"], row["end"]) for row in table(files)}
    assert times["visible/0"] == ("9999-12-31T23:59:59.750+00:00", "253402300800.40")
    assert float(times["visible/1"][0]) == 1e299
    page = (files / "out" / "page.html").read_text(encoding="utf-8")
    assert "253402300799.75 to 253402300800.40 s from 1970" in page


def test_the_page_holds_all_it_shows(files):
    said = run(files, "top=6", "page_queries=3", "page_answers=4")
    page = (files / "out" / "page.html").read_text(encoding="utf-8")
    assert page.count('<figure class="query') == 3 and page.count('<figure class="answer') == 12
    assert page.count('src="data:image/jpeg;base64,') == 15
    assert not re.search(r'(?:src|href)="(?!data:)|<script|url\(', page)
    assert "Shown are the first 3 queries" in page and "Skeletons from red" in page and "infrared/2" in page
    assert "✓ same person" in page or "✗ another person" in page
    right = re.search("the first answer is the right person for . of 5 queries", said)
    assert right and f"T{right.group()[1:]}." in page
    assert "First the query, then its answers" in page and "each with the cosine of their features." in page
    run(files, f"out={files / 'bare'}", "page_queries=0")
    assert [path.name for path in (files / "bare").iterdir()] == ["results.csv"]
    run(files, "page_queries=0")
    assert not (files / "out" / "page.html").exists(), "that of the earlier search"


@pytest.mark.parametrize(
    ("name", "largest", "arguments"),
    [("results.csv", 500, []), ("page.html", 20_000, ["top=1"])],
)
def test_a_full_disk_keeps_the_results_that_are_there(files, full_disk, name, largest, arguments):
    run(files, *arguments)
    before = (files / "out" / name).read_bytes()
    assert len(before) > largest
    with full_disk(largest), pytest.raises(DataError, match=rf"out/{name} cannot be written: File too large"):
        run(files, *arguments)
    assert (files / "out" / name).read_bytes() == before
    assert sorted(path.name for path in (files / "out").iterdir()) == ["page.html", "results.csv"]


def test_filters_hold_and_a_query_without_an_answer_is_counted(files):
    said = run(files, "camera=other", "within=0.5", "top=4")
    assert "5 queries have no answer that passes the filters" in said and table(files) == []
    assert "No tracklet passes the filters." in (files / "out" / "page.html").read_text(encoding="utf-8")
    run(files, "camera=other", "within=100", "top=4")
    rows = table(files)
    assert len(rows) == 20 and all(row["camera"] != row["query_camera"] for row in rows)
    assert {int(row["answer"].partition("/")[2]) for row in rows} <= set(range(15))


def test_several_files_are_one_gallery(files):
    write_features(files / "h.parquet", made_features(40, seed=1))
    run(files, f"gallery=[{files / 'g.npz'},{files / 'h.parquet'}]", "top=1")
    assert all(float(row["similarity"]) > 0.999 for row in table(files))


def test_a_saved_index_says_which_model_made_it_and_refuses_another(files):
    pytest.importorskip("faiss", reason="faiss is not installed (extra `search`)")
    run(files, "top=5")
    exact = table(files)
    place = files / "g.index"
    said = run(files, "query=null", "index=ivf", "lists=4", f"save_index={place}")
    assert "index ivf of 300 tracklets, 4 cells" in said and f"give it as gallery={place}" in said
    assert sorted(path.name for path in place.iterdir()) == ["index.faiss", "index.json", "items.npz"]
    run(files, f"gallery={place}", "probes=4", "top=5")
    assert [row["answer"] for row in table(files)] == [row["answer"] for row in exact]
    assert 'class="answer' in (files / "out" / "page.html").read_text(encoding="utf-8")

    for changed in ({"fingerprint": "cafe"}, {"width": 8}):
        write_features(files / "other.npz", made_features(2, **changed))  # type: ignore[arg-type]
        with pytest.raises(DataError, match=r"other.npz and .*g.index are of different models"):
            run(files, f"query={files / 'other.npz'}", f"gallery={place}")
    with pytest.raises(DataError, match="is there already and is no index"):
        run(files, "query=null", "index=flat", f"save_index={files}")
    (place / "index.faiss").write_bytes(b"x")
    with pytest.raises(DataError, match=r"index .*index.faiss cannot be read"):
        run(files, f"gallery={place}")


def test_re_ranking_is_that_of_the_evaluation(files):
    ranking = pytest.importorskip("star.evaluation.k_reciprocal")
    run(files, "rerank=k_reciprocal", "top=300")
    wanted = ranking.k_reciprocal(made_features(5, seed=1).values, made_features(300).values)
    page = (files / "out" / "page.html").read_text(encoding="utf-8")
    assert "each with the number of the re-ranking (1 less the re-ranked distance), which is no cosine." in page
    rows = table(files)[:300]
    np.testing.assert_allclose([float(row["similarity"]) for row in rows], -np.sort(-wanted[0]), atol=1e-6)


def test_a_file_of_another_index_is_noticed(files, monkeypatch):
    pytest.importorskip("faiss", reason="faiss is not installed (extra `search`)")
    monkeypatch.setattr(index_folder, "_END", 1000)  # the ends of the files are all that is looked at
    one, two = files / "one", files / "two"
    for place, seed in ((one, 0), (two, 5)):
        made = made_features(300, seed=seed, cameras=("abcd"[seed // 5], "b"))
        write_features(files / "g.npz", made)
        run(files, "query=null", "index=flat", f"save_index={place}")
    for name in ("index.faiss", "items.npz"):
        whole = (one / name).read_bytes()
        (one / name).write_bytes((two / name).read_bytes())
        with pytest.raises(DataError, match=rf"one is damaged: {name} is not the file it was written with"):
            run(files, f"gallery={one}")
        (one / name).write_bytes(whole)
    run(files, f"gallery={one}")
    about = json.loads((one / "index.json").read_text(encoding="utf-8"))
    del about["checksums"]  # as an earlier version wrote it
    (one / "index.json").write_text(json.dumps(about), encoding="utf-8")
    run(files, f"gallery={one}")


def test_a_saved_index_is_not_re_ranked(files):
    pytest.importorskip("faiss", reason="faiss is not installed (extra `search`)")
    place = files / "g.index"
    run(files, "query=null", "index=flat", f"save_index={place}")
    with pytest.raises(ConfigError) as caught:
        run(files, f"gallery={place}", "rerank=k_reciprocal")
    said = "rerank: given k_reciprocal, expected none, or files of star-embed as gallery: re-ranking needs the features"
    assert said in str(caught.value) and f"the saved index {place} has none" in str(caught.value)
    assert not (files / "out").exists()


def test_keys_that_a_saved_index_does_not_read_are_refused(files):
    pytest.importorskip("faiss", reason="faiss is not installed (extra `search`)")
    place = files / "g.index"
    run(files, "query=null", "index=flat", f"save_index={place}")
    beside = f"expected no such key beside the saved index {place}, which is"
    for arguments, said in (
        (["index=ivf"], f"index: given ivf, {beside} searched as it was built"),
        (["lists=4"], "lists: given 4, expected null, or index=ivf or ivf_pq beside it"),
        (["probes=4"], f"probes: given 4, {beside} flat and has no cells"),
    ):
        with pytest.raises(ConfigError) as caught:
            run(files, f"gallery={place}", *arguments)
        assert said in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["galery=x"], "galery: given 'x', expected no such key (did you mean gallery?)"),
        (["query=absent.npz"], "query: given absent.npz, expected existing files"),
        (["query=null"], "query: given null, expected files of star-embed (query=FILE)"),
        (["save_index=x"], "save_index: given x, expected null, or index=flat, ivf, pq or ivf_pq"),
        (["index=hnsw"], "index: given 'hnsw', expected one of exact, flat, ivf, pq, ivf_pq"),
        (["rerank=k_reciprocal", "index=flat"], "rerank: given k_reciprocal, expected none, or index=exact"),
        (["lists=4"], "lists: given 4, expected null, or index=ivf or ivf_pq beside it: others have no cells"),
        (["probes=4", "index=flat"], "probes: given 4, expected 32, or index=ivf or ivf_pq beside it"),
        (["code_bytes=8", "index=ivf"], "code_bytes: given 8, expected 64, or index=pq or ivf_pq beside it"),
        (
            ["train=100"],
            "train: given 100, expected 200000, or index=ivf, pq or ivf_pq beside it: others learn nothing",
        ),
        (["within=3", "apart=5"], "apart: given 5.0, expected at most within=3.0"),
        (["after=noon"], "after: given noon, expected a time such as 2024-05-31T14:00:00+02:00"),
    ],
)
def test_wrong_arguments_are_named(files, arguments, said):
    with pytest.raises(ConfigError) as caught:
        run(files, *arguments)
    assert said in str(caught.value)


def test_faiss_is_asked_for_before_anything_is_read(files, monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(Exception, match="needs the package faiss"):
        run(files, "index=flat")
    assert not (files / "out").exists()
