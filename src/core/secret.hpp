// Hold a secret in memory, wipe it when it goes, and keep it out of everything that is written.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sentinel::core {

// Bytes that are overwritten before the memory is given back. Movable only: a copy would be one more to wipe.
class Secret {
 public:
    Secret() = default;
    explicit Secret(std::string_view bytes) : bytes_(bytes.begin(), bytes.end()) {}
    explicit Secret(std::vector<char>&& bytes) noexcept : bytes_(std::move(bytes)) {}
    Secret(Secret&&) noexcept = default;
    Secret& operator=(Secret&& other) noexcept;
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    ~Secret() { wipe(); }

    std::string_view view() const noexcept { return {bytes_.data(), bytes_.size()}; }
    bool empty() const noexcept { return bytes_.empty(); }

 private:
    void wipe() noexcept;
    std::vector<char> bytes_;
};

// Wipe a plain string in place, for the moments in which a library needs one.
void wipe(std::string& text) noexcept;

// Replace exact secret values (of at least six bytes) and what looks like a known kind of secret by
// "[redacted]".
class Redactor {
 public:
    void add(std::string_view value);
    std::string clean(std::string_view text) const;

 private:
    std::vector<Secret> values_;
};

// The part of a redactor that needs no values: whsec_..., xox?-..., and the path of an incoming Slack
// webhook.
std::string redact_patterns(std::string text);

}  // namespace sentinel::core
