// Classes of CANN's graph engine as far as MindSpore's simulation uses them: they keep what they are given.
// Built with the old ABI of std::string, as the wheel is.
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace ge {
enum DataType : int;
enum Format : int;

class StatusFactory {
 public:
  static StatusFactory *Instance();
  std::map<uint32_t, std::string> texts;
};
StatusFactory *StatusFactory::Instance() {
  static StatusFactory factory;
  return &factory;
}

class AscendString {
 public:
  AscendString(const char *text);
  const char *GetString() const;
  bool operator<(const AscendString &other) const;
  std::shared_ptr<std::string> text;
};
AscendString::AscendString(const char *given) : text(given ? std::make_shared<std::string>(given) : nullptr) {}
const char *AscendString::GetString() const { return text ? text->c_str() : ""; }
bool AscendString::operator<(const AscendString &other) const {
  return std::string(GetString()) < other.GetString();
}

class Shape {
 public:
  Shape();
  explicit Shape(const std::vector<int64_t> &given);
  size_t GetDimNum() const;
  int64_t GetDim(size_t place) const;
  std::vector<int64_t> GetDims() const;
  std::shared_ptr<std::vector<int64_t>> dims;
};
Shape::Shape() : dims(std::make_shared<std::vector<int64_t>>()) {}
Shape::Shape(const std::vector<int64_t> &given) : dims(std::make_shared<std::vector<int64_t>>(given)) {}
size_t Shape::GetDimNum() const { return dims ? dims->size() : 0; }
int64_t Shape::GetDim(size_t place) const { return place < GetDimNum() ? (*dims)[place] : 0; }
std::vector<int64_t> Shape::GetDims() const { return dims ? *dims : std::vector<int64_t>(); }

struct Description {
  Shape shape;
  Format format{};
  DataType type{};
};
class TensorDesc {
 public:
  TensorDesc();
  TensorDesc(Shape shape, Format format, DataType type);
  TensorDesc(const TensorDesc &other);
  TensorDesc(TensorDesc &&other);
  Shape GetShape() const;
  Shape GetOriginShape() const;
  DataType GetDataType() const;
  Format GetFormat() const;
  std::shared_ptr<Description> about;
};
TensorDesc::TensorDesc() : about(std::make_shared<Description>()) {}
TensorDesc::TensorDesc(Shape shape, Format format, DataType type)
    : about(std::make_shared<Description>(Description{shape, format, type})) {}
TensorDesc::TensorDesc(const TensorDesc &other) : about(other.about) {}
TensorDesc::TensorDesc(TensorDesc &&other) : about(other.about) {}
Shape TensorDesc::GetShape() const { return about->shape; }
Shape TensorDesc::GetOriginShape() const { return about->shape; }
DataType TensorDesc::GetDataType() const { return about->type; }
Format TensorDesc::GetFormat() const { return about->format; }

struct Names {
  std::string name, type;
};
class Operator {
 public:
  Operator(const std::string &type);
  Operator(const std::string &name, const std::string &type);
  Operator(const AscendString &name, const AscendString &type);
  Operator(const char *type);
  Operator(const char *name, const char *type);
  virtual ~Operator() = default;
  std::string GetName() const;
  std::string GetOpType() const;
  uint32_t GetName(AscendString &name) const;
  uint32_t GetOpType(AscendString &type) const;
  TensorDesc GetOutputDesc(const std::string &name) const;
  TensorDesc GetOutputDesc(uint32_t place) const;
  std::shared_ptr<Names> names;
};
static std::shared_ptr<Names> named(const char *name, const char *type) {
  return std::make_shared<Names>(Names{name ? name : "", type ? type : ""});
}
Operator::Operator(const std::string &type) : Operator(type.c_str()) {}
Operator::Operator(const std::string &name, const std::string &type) : Operator(name.c_str(), type.c_str()) {}
Operator::Operator(const AscendString &name, const AscendString &type)
    : Operator(name.GetString(), type.GetString()) {}
Operator::Operator(const char *type) : Operator(type, type) {}
Operator::Operator(const char *name, const char *type) : names(named(name, type)) {}
std::string Operator::GetName() const { return names->name; }
std::string Operator::GetOpType() const { return names->type; }
uint32_t Operator::GetName(AscendString &name) const {
  name = AscendString(names->name.c_str());
  return 0;
}
uint32_t Operator::GetOpType(AscendString &type) const {
  type = AscendString(names->type.c_str());
  return 0;
}
TensorDesc Operator::GetOutputDesc(const std::string &) const { return TensorDesc(); }
TensorDesc Operator::GetOutputDesc(uint32_t) const { return TensorDesc(); }

class OperatorFactory {
 public:
  static Operator CreateOperator(const char *name, const char *type);
  static Operator CreateOperator(const std::string &name, const std::string &type);
  static bool IsExistOp(const char *type);
  static bool IsExistOp(const std::string &type);
};
Operator OperatorFactory::CreateOperator(const char *name, const char *type) { return Operator(name, type); }
Operator OperatorFactory::CreateOperator(const std::string &name, const std::string &type) {
  return Operator(name, type);
}
bool OperatorFactory::IsExistOp(const char *) { return true; }
bool OperatorFactory::IsExistOp(const std::string &) { return true; }

struct Contents {
  TensorDesc about;
  std::vector<uint8_t> bytes;
};
class Tensor {
 public:
  Tensor();
  explicit Tensor(const TensorDesc &about);
  Tensor(const TensorDesc &about, const uint8_t *bytes, size_t count);
  TensorDesc GetTensorDesc() const;
  size_t GetSize() const;
  uint8_t *GetData();
  std::shared_ptr<Contents> contents;
};
Tensor::Tensor() : Tensor(TensorDesc()) {}
Tensor::Tensor(const TensorDesc &about) : contents(std::make_shared<Contents>()) { contents->about.about = about.about; }
Tensor::Tensor(const TensorDesc &about, const uint8_t *bytes, size_t count) : Tensor(about) {
  if (bytes) contents->bytes.assign(bytes, bytes + count);
}
TensorDesc Tensor::GetTensorDesc() const { return contents->about; }
size_t Tensor::GetSize() const { return contents->bytes.size(); }
uint8_t *Tensor::GetData() { return contents->bytes.data(); }
}  // namespace ge
