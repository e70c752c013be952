#include "engine/seal.hpp"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <optional>
#include <vector>

#include "channels/service.hpp"
#include "channels/webhook.hpp"
#include "engine/database.hpp"
#include "engine/shared.hpp"

namespace sentinel::worker {
namespace {

constexpr std::size_t kLargestSecret = 8000;

int fault(const std::string& text) {
    std::fprintf(stderr, "sentinel-worker: %s\n", text.c_str());
    return 1;
}

bool is_version(const std::string& text) {
    const auto digit = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; };
    return !text.empty() && text.size() <= 9 && text[0] != '0' &&
           std::all_of(text.begin(), text.end(), digit);
}

// Unbuffered, so that no copy stays behind in a stdio buffer. One newline at the end is cut.
std::optional<Secret> read_secret() {
    std::vector<char> bytes(kLargestSecret + 2);
    std::size_t size = 0;
    for (ssize_t n; size < bytes.size() && (n = read(0, bytes.data() + size, bytes.size() - size)) > 0;) {
        size += static_cast<std::size_t>(n);
    }
    Secret all(std::move(bytes));
    std::string_view text = all.view().substr(0, size);
    if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
    if (text.empty() || text.size() > kLargestSecret) return std::nullopt;
    return Secret(text);
}

std::string wrong_for_purpose(const std::string& purpose, std::string_view secret) {
    if (purpose == "slack_url" && secret.substr(0, 4) != "http") {
        return "a slack_url is the whole address, such as https://hooks.slack.com/services/T.../B.../...";
    }
    if (purpose == "webhook_key" && !read_webhook_key(secret)) {
        return "a webhook_key is whsec_ and the base64 of 24 to 64 random bytes, as of: "
               "echo whsec_$(openssl rand -base64 32)";
    }
    if ((purpose == "enrichment_key" || purpose == "model_key") && !is_bearer_key(secret)) {
        return purpose + " is the key alone, 8 to 2048 visible characters, without \"Bearer\"";
    }
    return "";
}

int store(const SealOrder& order, const Bytes& envelope) {
    std::string problem;
    const ConnectionPtr connection = connect_and_wait(order.database, problem);
    if (!connection) return fault("cannot connect: " + problem);
    const std::string hex = "\\x" + to_hex(envelope);
    const char* values[] = {order.org.c_str(),    order.secret.c_str(),  order.purpose.c_str(),
                            order.target.c_str(), order.version.c_str(), hex.c_str()};
    const Reply reply(ResultPtr(PQexecParams(
        connection.get(),
        "SELECT sentinel.store_secret($1::uuid, $2::uuid, $3::text, $4::uuid, $5::integer, $6::bytea)", 6,
        nullptr, values, nullptr, nullptr, 0)));
    if (!reply.ok()) return fault("not stored: " + reply.message() + " (SQLSTATE " + reply.sqlstate() + ")");
    std::printf("stored secret %s version %s\n", order.secret.c_str(), order.version.c_str());
    return 0;
}

}  // namespace

int seal_from_stdin(const SealOrder& given) {
    SealOrder order = given;
    const auto org = to_uuid(order.org);
    const auto secret_id = to_uuid(order.secret);
    if (!org || !secret_id) return fault("seal needs --org UUID and --secret UUID");
    if (!is_version(order.version)) return fault("seal needs --version N, a whole number from 1");
    order.org = *org;
    order.secret = *secret_id;
    const std::string& purpose = order.purpose;
    const bool purpose_known = purpose == "slack_url" || purpose == "webhook_key" ||
                               purpose == "enrichment_key" || purpose == "model_key";
    if (order.store && (!purpose_known || !to_uuid(order.target))) {
        return fault(
            "seal --store needs --purpose slack_url|webhook_key|enrichment_key|model_key and --target UUID");
    }
    std::vector<std::string> problems;
    auto ring = Keyring::read(order.key_file, problems);
    if (!ring) return fault(problems.front());

    const auto secret = read_secret();
    if (!secret) return fault("give the secret on standard input, 1 to 8000 bytes");
    if (const std::string wrong = wrong_for_purpose(order.purpose, secret->view()); !wrong.empty())
        return fault(wrong);

    Binding binding;
    binding.org = order.org;
    binding.row = order.secret;
    binding.version = order.version;
    const Bytes envelope = Vault(std::move(*ring)).seal(secret->view(), binding);
    if (order.store) return store(order, envelope);
    std::printf("%s\n", to_hex(envelope).c_str());
    return 0;
}

}  // namespace sentinel::worker
