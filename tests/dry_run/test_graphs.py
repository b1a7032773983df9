"""What is read in MindSpore's log and its dumped graphs."""

from star.dry_run.graphs import kernels_in, nodes_on_host, open_shapes_in, places_in

LOG = """\
[INFO] x.cc:175] GenerateKernelMod] kernel opname:Mul, kernel type:opapi_kernel
[INFO] x.cc:175] GenerateKernelMod] kernel opname:Mul, kernel type:opapi_kernel
[INFO] x.cc:175] GenerateKernelMod] kernel opname:Conv2D, kernel type:acl_kernel
[INFO] x.cc:175] GenerateKernelMod] kernel opname:Odd, kernel type:new_kernel
[INFO] y.cc:727] Backoff and rebuild kernel on CPU successfully for node: Default/own-Part/LSTM-op0, node attr: ...
"""
DUMP = """\
  %2(CNode_21) = PrimFunc_Mul(%1, F32(2)) primitive_attrs: {visited: Bool(1)}
      : (<Tensor[Float32], (4, 3)>, <Float32, NoShape>) -> (<Tensor[Float32], (4, -1, 3)>)
      # In file /a/network.py:7/    def construct(self, x):/
      # In file /a/own.py:12~26, 4~72/    def construct(self, x):/
  %3(CNode_22) = LSTM(%2, Tensor(shape=[1, 2], dtype=Float32, value=
[[ 0.0 0.0]])) {instance name: lstm} primitive_attrs: {primitive_target: "CPU"}
      : (<Tensor[Float32], (4, 3)>) -> (<Tensor[Float32], (4, 3)>)
      # In file /a/own.py:18, 43~59/        return self.lstm(x)/
}
"""


def test_kernels_are_counted_by_kind_and_operator():
    found = kernels_in(LOG)
    assert found == {"aclnn": {"Mul": 2}, "aclop": {"Conv2D": 1}, "new_kernel": {"Odd": 1}, "host": {"LSTM": 1}}


def test_operators_on_the_host_are_found_with_their_place():
    assert list(nodes_on_host(DUMP, lambda places: [str(places)])) == [("LSTM", ["[('/a/own.py', 18)]"])]


def test_shapes_that_are_not_static_are_found():
    assert open_shapes_in(DUMP) == ["(4, -1, 3)"]
    assert open_shapes_in(DUMP.replace("-1", "1")) == []


def test_places_of_an_error_are_read_in_both_forms_of_mindspore():
    error = "It failed.\n# 0 In file /a/step.py:33, 17~21\ndef f(x): ...\n# In file /a/own.py:12~26, 4~72\n"
    assert places_in(error) == [("/a/step.py", 33), ("/a/own.py", 12)]
