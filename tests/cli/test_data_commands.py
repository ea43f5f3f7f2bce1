"""`spikescan data info` and `convert`."""

import json


def test_data_info_and_convert(call, speech, store):
    assert "digits" in call("data", "info", "--store", store).stdout
    known = json.loads(call("data", "info", "--store", store, "--json").stdout)
    assert {item["name"] for item in known} >= {"digits", "shd", "ssc", "nmnist"}
    places = ["--root", speech, "--store", store, "--channels", 20]
    found = json.loads(call("data", "convert", "shd", *places, "--json").stdout)
    assert (found["channels"], found["classes"], found["splits"]["train"]["samples"]) == (20, 4, 44)
    assert "20 channels, 4 classes" in " ".join(call("data", "info", "shd", *places).stdout.split())


def test_conversion_of_a_broken_file(call, tmp_path, store):
    (tmp_path / "x_train.h5").write_text("no HDF5")
    (tmp_path / "x_test.h5").write_text("no HDF5")
    assert "x_train.h5" in call("data", "convert", "shd", "--root", tmp_path, "--store", store, code=2).stderr


def test_unknown_and_missing_data(train, call, tmp_path):
    assert "unknown data set 'mnist'" in train(tmp_path / "run", data="mnist", code=2).stderr
    assert "`spikescan data fetch dvsgesture` gets it" in call("data", "info", "dvsgesture", code=2).stderr
