#include "identity.hpp"

namespace sentinel {

namespace {

constexpr int kMaxTeams = 256;

enum class Role : char { none, viewer, member, admin, owner };

struct Team {
    pg_uuid_t id;
    Role role;
};

// What the check hook parses out of sentinel.member_teams and the assign hook publishes.
struct Teams {
    int count;
    Team items[kMaxTeams];
};

Identity current;
Role current_role = Role::none;
const Teams* current_teams = nullptr;

char* org_setting = nullptr;
char* member_setting = nullptr;
char* role_setting = nullptr;
char* teams_setting = nullptr;
char* address_setting = nullptr;

int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool parse_uuid(const char* text, size_t length, pg_uuid_t& out) noexcept {
    if (length != 36) return false;
    int byte = 0;
    for (size_t at = 0; at < length;) {
        if (at == 8 || at == 13 || at == 18 || at == 23) {
            if (text[at++] != '-') return false;
            continue;
        }
        int high = hex_digit(text[at]);
        int low = hex_digit(text[at + 1]);
        if (high < 0 || low < 0) return false;
        out.data[byte++] = static_cast<unsigned char>(high << 4 | low);
        at += 2;
    }
    return true;
}

Role parse_role(std::string_view text) noexcept {
    if (text == "owner") return Role::owner;
    if (text == "admin") return Role::admin;
    if (text == "member") return Role::member;
    if (text == "viewer") return Role::viewer;
    return Role::none;
}

void* allocate_extra(size_t size) noexcept {
#if PG_VERSION_NUM >= 160000
    return guc_malloc(LOG, size);
#else
    return malloc(size);
#endif
}

bool check_uuid(char** value, void** extra, GucSource) noexcept {
    if (*value == nullptr || **value == '\0') return true;
    auto* parsed = static_cast<pg_uuid_t*>(allocate_extra(sizeof(pg_uuid_t)));
    if (parsed == nullptr) return false;
    *extra = parsed;
    if (parse_uuid(*value, strlen(*value), *parsed)) return true;
    GUC_check_errdetail("An identity setting holds a uuid or nothing.");
    return false;
}

void assign_org(const char*, void* extra) noexcept {
    current.has_org = extra != nullptr;
    if (extra != nullptr) current.org = *static_cast<pg_uuid_t*>(extra);
}

void assign_member(const char*, void* extra) noexcept {
    current.has_member = extra != nullptr;
    if (extra != nullptr) current.member = *static_cast<pg_uuid_t*>(extra);
}

void assign_role(const char* value, void*) noexcept {
    current_role = value == nullptr ? Role::none : parse_role(value);
}

bool check_teams(char** value, void** extra, GucSource) noexcept {
    if (*value == nullptr || **value == '\0') return true;
    auto* teams = static_cast<Teams*>(allocate_extra(sizeof(Teams)));
    if (teams == nullptr) return false;
    teams->count = 0;
    *extra = teams;
    std::string_view rest = *value;
    while (!rest.empty() && teams->count < kMaxTeams) {
        size_t end = rest.find(',');
        std::string_view item = rest.substr(0, end);
        Team& team = teams->items[teams->count++];
        if (item.size() < 38 || item[36] != ':' || !parse_uuid(item.data(), 36, team.id)) {
            GUC_check_errdetail("Teams are written uuid:role, separated by commas.");
            return false;
        }
        team.role = parse_role(item.substr(37));
        rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    }
    return true;
}

void assign_teams(const char*, void* extra) noexcept {
    current_teams = static_cast<const Teams*>(extra);
}

bool same(const pg_uuid_t& a, const pg_uuid_t& b) noexcept {
    return memcmp(a.data, b.data, UUID_LEN) == 0;
}

void format_uuid(const pg_uuid_t* value, char (&out)[37]) noexcept {
    out[0] = '\0';
    if (value == nullptr) return;
    constexpr char digits[] = "0123456789abcdef";
    int at = 0;
    for (int byte = 0; byte < UUID_LEN; byte++) {
        if (byte == 4 || byte == 6 || byte == 8 || byte == 10) out[at++] = '-';
        out[at++] = digits[value->data[byte] >> 4];
        out[at++] = digits[value->data[byte] & 15];
    }
    out[at] = '\0';
}

}  // namespace

const Identity& identity() {
    return current;
}

void define_identity_settings() {
    constexpr int flags = GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE;
    DefineCustomStringVariable("sentinel.org_id", "Organisation that this session works for.",
                               "A uuid. Set by sentinel.enter(), or by a superuser with ALTER ROLE ... SET.",
                               &org_setting, "", PGC_SUSET, flags, check_uuid, assign_org, nullptr);
    DefineCustomStringVariable("sentinel.member_id", "Member of the organisation that acts in this session.",
                               "A uuid. Set by sentinel.enter().", &member_setting, "", PGC_SUSET, flags,
                               check_uuid, assign_member, nullptr);
    DefineCustomStringVariable(
        "sentinel.member_role", "Role of the acting member: owner, admin, member or viewer.",
        "Set by sentinel.enter().", &role_setting, "", PGC_SUSET, flags, nullptr, assign_role, nullptr);
    DefineCustomStringVariable("sentinel.member_teams", "Teams of the acting member with the role in each.",
                               "Set by sentinel.enter().", &teams_setting, "", PGC_SUSET, flags, check_teams,
                               assign_teams, nullptr);
    DefineCustomStringVariable("sentinel.client_address", "Address of the client that a gateway answers.",
                               "Set by the gateway's functions; the audit log keeps it.", &address_setting,
                               "", PGC_SUSET, flags, nullptr, nullptr, nullptr);
}

void set_identity(const pg_uuid_t* org, const pg_uuid_t* member, const char* role, const char* teams,
                  bool local) {
    char org_text[37];
    char member_text[37];
    format_uuid(org, org_text);
    format_uuid(member, member_text);
    const char* pairs[][2] = {{"sentinel.org_id", org_text},
                              {"sentinel.member_id", member_text},
                              {"sentinel.member_role", role == nullptr ? "" : role},
                              {"sentinel.member_teams", teams == nullptr ? "" : teams}};
    for (auto& pair : pairs)
        pg::server([&] {
            return set_config_option(pair[0], pair[1], PGC_SUSET, PGC_S_SESSION,
                                     local ? GUC_ACTION_LOCAL : GUC_ACTION_SET, true, 0, false);
        });
}

void set_client_address(const char* address) {
    pg::server([&] {
        return set_config_option("sentinel.client_address", address, PGC_SUSET, PGC_S_SESSION,
                                 GUC_ACTION_LOCAL, true, 0, false);
    });
}

bool is_viewer() {
    return current.has_member && current_role == Role::viewer;
}

bool may(std::string_view action, const pg_uuid_t* team, const pg_uuid_t* owner) {
    if (!current.has_org) return false;
    if (!current.has_member) return true;
    if (current_role == Role::owner || current_role == Role::admin) return true;
    bool own = owner != nullptr && same(*owner, current.member);
    Role in_team = Role::none;
    if (team != nullptr && current_teams != nullptr)
        for (int i = 0; i < current_teams->count; i++)
            if (same(current_teams->items[i].id, *team)) in_team = current_teams->items[i].role;
    if (action == "view") return own || in_team != Role::none;
    if (action == "edit") return own || in_team >= Role::member;
    if (action == "assign") return in_team >= Role::admin;
    throw Failure("22023", "unknown action \"" + std::string(action) + "\"",
                  "A right is view, edit or assign.", "Use 'view'.");
}

}  // namespace sentinel
