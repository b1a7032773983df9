"""Text of other systems, in every file that people write."""

import codecs
import json

import pytest
from support.tiny_bupt import write_tiny_bupt
from support.tiny_vcm import write_tiny_vcm

from star.data.bupt_campus import read_bupt_campus
from star.data.hitsz_vcm import read_hitsz_vcm
from star.data.text import parse_json, read_text
from star.errors import DataError, ReportError
from star.study.study import load_study
from star.study.study_file import StudyReader

MARKED = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
    "gb18030": "\ufeff".encode("gb18030"),
}
ENCODINGS = [*MARKED.items(), ("utf-8", b""), ("gb18030", b""), ("gbk", b"")]
TEXT = "行人 重识别\n0001M1D2T1F1.jpg\n\n"


def rewrite(path, encoding, mark, end="\r\n"):
    path.write_bytes(mark + path.read_text(encoding="utf-8").replace("\n", end).encode(encoding))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(("encoding", "mark"), ENCODINGS)
def test_encodings_and_line_ends(tmp_path, encoding, mark, end):
    (tmp_path / "a.txt").write_bytes(mark + TEXT.replace("\n", end).encode(encoding))
    assert read_text(tmp_path / "a.txt") == TEXT


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"abc\xff", "byte 3 is no UTF-8 and byte 3 is no GB18030; save it as UTF-8"),
        (b"\xb0\xa1\xff", "byte 0 is no UTF-8 and byte 2 is no GB18030"),
        (b"\xef\xbb\xbfab\xff", "byte 5 is no UTF-8; save"),
        (b"\xff\xfea\0b", "byte 4 is no UTF-16-LE"),
        (b"ab\0c", "is not text: byte 2 is zero"),
    ],
)
def test_what_is_no_text_is_named_with_its_byte(tmp_path, data, message):
    (tmp_path / "a.txt").write_bytes(data)
    with pytest.raises(DataError, match=rf"a\.txt .*{message}"):
        read_text(tmp_path / "a.txt")


def test_json_that_is_cut_is_named_with_its_line():
    with pytest.raises(DataError, match=r"a\.json is not complete JSON \(line 2, column 1: "):
        parse_json('{"a":\n', "a.json")
    with pytest.raises(DataError, match=r"a\.json is empty"):
        parse_json(" \n", "a.json")
    with pytest.raises(DataError, match=r"a\.json is not JSON .*too deep"):
        parse_json("[" * 100_000, "a.json")
    with pytest.raises(DataError, match=r"a\.json is not JSON .*digits"):
        parse_json("9" * 10_000, "a.json")


def test_a_key_that_is_twice_in_one_object_of_json():
    assert parse_json('{"a": 1, "a": 2}', "a.json") == {"a": 2}
    with pytest.raises(DataError, match='a.json: the key "a" is twice in one object, the second time with 2; expected'):
        parse_json('[{"a": 1, "b": 0, "a": 2}]', "a.json", each_once=True)


@pytest.mark.parametrize(("encoding", "mark"), MARKED.items())
def test_index_files(tmp_path, encoding, mark):
    vcm, bupt = write_tiny_vcm(tmp_path / "vcm"), write_tiny_bupt(tmp_path / "bupt").root
    whole = read_hitsz_vcm(vcm.root, min_frames=1), read_bupt_campus(bupt)
    for path in (*vcm.index.glob("*.txt"), *bupt.glob("*.txt"), *bupt.glob("*.json")):
        rewrite(path, encoding, mark)
    again = read_hitsz_vcm(vcm.root, min_frames=1), read_bupt_campus(bupt)
    for before, after in zip(whole, again, strict=True):
        assert [split.tracklets for split in before.splits] == [split.tracklets for split in after.splits]


@pytest.mark.parametrize(("encoding", "mark"), ENCODINGS)
def test_studies(tmp_path, encoding, mark):
    content = {"title": "行人", "rows": {"a": {}}, "seeds": [0], "columns": ["i2v/rank1"], "baseline": "a"}
    (tmp_path / "study.yaml").write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    rewrite(tmp_path / "study.yaml", encoding, mark)
    assert StudyReader(tmp_path / "study.yaml").content["title"] == "行人"


def test_a_study_that_is_no_text(tmp_path):
    (tmp_path / "study.yaml").write_bytes(b"title: \xff\n")
    with pytest.raises(ReportError, match=r"study\.yaml is not text that can be read: byte 7 "):
        load_study(tmp_path)
