#include "core/secret.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <cctype>

namespace sentinel::core {
namespace {

constexpr std::string_view kMark = "[redacted]";
constexpr std::size_t kShortest = 6;

bool token_char(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '+' || c == '/' || c == '=' || c == '-' ||
           c == '_';
}

// Keep the prefix, so that a reader sees what was there, and hide the run of token characters behind it.
void hide_after(std::string& text, std::string_view prefix) {
    std::size_t at = 0;
    while ((at = text.find(prefix, at)) != std::string::npos) {
        const std::size_t begin = at + prefix.size();
        std::size_t end = begin;
        while (end < text.size() && token_char(text[end])) ++end;
        if (end > begin) text.replace(begin, end - begin, kMark);
        at = begin;
    }
}

}  // namespace

Secret& Secret::operator=(Secret&& other) noexcept {
    if (this != &other) {
        wipe();
        bytes_ = std::move(other.bytes_);
    }
    return *this;
}

void Secret::wipe() noexcept {
    if (!bytes_.empty()) OPENSSL_cleanse(bytes_.data(), bytes_.size());
    bytes_.clear();
}

void wipe(std::string& text) noexcept {
    if (!text.empty()) OPENSSL_cleanse(text.data(), text.size());
    text.clear();
}

void Redactor::add(std::string_view value) {
    if (value.size() >= kShortest) values_.emplace_back(value);
}

std::string Redactor::clean(std::string_view text) const {
    std::string out(text);
    for (const auto& secret : values_) {
        const std::string_view value = secret.view();
        for (std::size_t at = 0; (at = out.find(value, at)) != std::string::npos; at += kMark.size()) {
            out.replace(at, value.size(), kMark);
        }
    }
    return redact_patterns(std::move(out));
}

std::string redact_patterns(std::string text) {
    for (const std::string_view prefix :
         {"whsec_", "whsk_", "xoxb-", "xoxp-", "xoxa-", "xoxe-", "/services/"}) {
        hide_after(text, prefix);
    }
    return text;
}

}  // namespace sentinel::core
