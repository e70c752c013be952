// Room tenancy: who the session works for.
#include "identity.hpp"
#include "install.hpp"
#include "pg/spi.hpp"
#include "pg/text.hpp"

using sentinel::Failure;
using sentinel::identity;
namespace pg = sentinel::pg;

namespace {

std::string uuid_text(const pg_uuid_t* id) {
    char* text =
        pg::server([&] { return DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(id))); });
    return text;
}

const Oid kEnterTypes[] = {UUIDOID, OIDOID, BOOLOID};

// The caller may enter an organisation through a row of member_roles for a role whose rights it has; the row
// with a member wins. An administrator may enter every organisation.
pg::Statement find_entry = {
    "SELECT r.member_id"
    " FROM sentinel.orgs o LEFT JOIN sentinel.member_roles r"
    "   ON r.org_id OPERATOR(pg_catalog.=) o.org_id"
    "  AND EXISTS (SELECT FROM pg_catalog.pg_roles p WHERE p.rolname OPERATOR(pg_catalog.=) r.role_name"
    "              AND pg_catalog.pg_has_role($2, p.oid, 'USAGE'))"
    " WHERE o.org_id OPERATOR(pg_catalog.=) $1 AND (r.role_name IS NOT NULL OR $3)"
    " ORDER BY r.member_id NULLS LAST LIMIT 1",
    3, kEnterTypes};

const Oid kMemberTypes[] = {UUIDOID, UUIDOID};
pg::Statement find_member = {
    "SELECT m.role, (SELECT pg_catalog.string_agg(t.team_id::pg_catalog.text OPERATOR(pg_catalog.||) ':'"
    "   OPERATOR(pg_catalog.||) t.role, ',') FROM sentinel.team_members t"
    "   WHERE t.org_id OPERATOR(pg_catalog.=) m.org_id AND t.member_id OPERATOR(pg_catalog.=) m.id)"
    " FROM sentinel.members m WHERE m.org_id OPERATOR(pg_catalog.=) $1 AND m.id OPERATOR(pg_catalog.=) $2"
    " AND m.removed_at IS NULL",
    2, kMemberTypes};

struct Standing {
    std::string role;
    std::string teams;  // uuid:role, separated by commas
};

// Find the role and the teams of a member. Call within an Spi. Throws SN004 for who is none.
Standing standing_of(const pg_uuid_t& org, const pg_uuid_t& member) {
    Datum keys[] = {UUIDPGetDatum(&org), UUIDPGetDatum(&member)};
    if (find_member.run(keys) == 0)
        throw Failure(sentinel::kNotFound, "no member \"" + uuid_text(&member) + "\" in this organisation",
                      "A member acts only in an organisation that has not removed it.",
                      "SELECT id, display_name FROM sentinel.members;");
    return {pg::text_cell(0, 1), pg::text_cell(0, 2)};
}

bool is_administrator(Oid role) {
    return pg::server([&] {
        if (superuser_arg(role)) return true;
        Oid admin = get_role_oid("sentinel_admin", true);
        return OidIsValid(admin) && has_privs_of_role(role, admin);
    });
}

bool is_member_login(Oid role) {
    return pg::server([&] {
        if (superuser_arg(role)) return false;
        Oid member = get_role_oid("sentinel_member", true);
        return OidIsValid(member) && has_privs_of_role(role, member);
    });
}

[[noreturn]] void refuse_entry(const pg_uuid_t* org, Oid role) {
    const char* name = pg::server([&] { return GetUserNameFromId(role, false); });
    throw Failure(
        sentinel::kNotAllowed,
        "role \"" + std::string(name) + "\" may not enter organisation \"" + uuid_text(org) + "\"",
        "A role enters the organisations that sentinel.member_roles lists for it.",
        "Ask an administrator for: SELECT sentinel.grant_login('" + std::string(name) + "', org_id);");
}

}  // namespace

SENTINEL_FUNCTION(sentinel_current_org) {
    if (!identity().has_org) PG_RETURN_NULL();
    auto* id = static_cast<pg_uuid_t*>(pg::server([] { return palloc(sizeof(pg_uuid_t)); }));
    *id = identity().org;
    return UUIDPGetDatum(id);
}

SENTINEL_FUNCTION(sentinel_current_member) {
    if (!identity().has_member) PG_RETURN_NULL();
    auto* id = static_cast<pg_uuid_t*>(pg::server([] { return palloc(sizeof(pg_uuid_t)); }));
    *id = identity().member;
    return UUIDPGetDatum(id);
}

SENTINEL_FUNCTION(sentinel_require_org) {
    sentinel::require_installed();
    if (!identity().has_org)
        throw Failure(
            sentinel::kNoOrganisation, "no organisation entered",
            "Rows belong to an organisation; a session names the one it works for.",
            "SELECT sentinel.enter(org_id) FROM sentinel.orgs; lasts to the end of the transaction, with "
            "session => true to the end of the session.");
    auto* id = static_cast<pg_uuid_t*>(pg::server([] { return palloc(sizeof(pg_uuid_t)); }));
    *id = identity().org;
    return UUIDPGetDatum(id);
}

SENTINEL_FUNCTION(sentinel_may) {
    if (PG_ARGISNULL(0)) PG_RETURN_BOOL(false);
    const pg_uuid_t* team = PG_ARGISNULL(1) ? nullptr : PG_GETARG_UUID_P(1);
    const pg_uuid_t* owner = PG_ARGISNULL(2) ? nullptr : PG_GETARG_UUID_P(2);
    PG_RETURN_BOOL(sentinel::may(pg::view(PG_GETARG_DATUM(0)), team, owner));
}

SENTINEL_FUNCTION(sentinel_enter) {
    if (PG_ARGISNULL(0))
        throw Failure("22004", "the organisation is null", "",
                      "SELECT sentinel.enter('<org_id of sentinel.orgs>');");
    sentinel::require_installed();
    const pg_uuid_t* org = PG_GETARG_UUID_P(0);
    const pg_uuid_t* asked = PG_ARGISNULL(1) ? nullptr : PG_GETARG_UUID_P(1);
    bool session = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);

    // The user outside all SECURITY DEFINER functions: what a caller may enter does not depend on whose
    // function calls.
    Oid caller = GetOuterUserId();
    bool administrator = is_administrator(caller);

    pg::Spi spi;
    Datum keys[] = {UUIDPGetDatum(org), ObjectIdGetDatum(caller), BoolGetDatum(administrator)};
    if (find_entry.run(keys) == 0) refuse_entry(org, caller);

    pg_uuid_t member{};
    bool has_member = false;
    if (auto granted = pg::cell(0, 1); granted && !administrator) {
        member = *DatumGetUUIDP(*granted);
        has_member = true;
        if (asked != nullptr && memcmp(asked->data, member.data, UUID_LEN) != 0) refuse_entry(org, caller);
    } else if (asked != nullptr) {
        if (!administrator) refuse_entry(org, caller);
        member = *asked;
        has_member = true;
    } else if (!administrator && is_member_login(caller)) {
        refuse_entry(org, caller);
    }

    const Standing standing = has_member ? standing_of(*org, member) : Standing{};
    pg_uuid_t org_id = *org;
    spi.finish();
    sentinel::set_identity(&org_id, has_member ? &member : nullptr, standing.role.c_str(),
                           standing.teams.c_str(), !session);
    PG_RETURN_VOID();
}

SENTINEL_FUNCTION(sentinel_act_for) {
    if (PG_ARGISNULL(0)) {
        sentinel::set_identity(nullptr, nullptr, nullptr, nullptr, true);
        sentinel::set_client_address("");
        PG_RETURN_VOID();
    }
    const pg_uuid_t org = *PG_GETARG_UUID_P(0);
    const bool has_member = !PG_ARGISNULL(1);
    const pg_uuid_t member = has_member ? *PG_GETARG_UUID_P(1) : pg_uuid_t{};
    pg::Spi spi;
    // Who acts for an organisation as a whole does what its admins may: what owners keep to themselves needs one.
    const Standing standing = has_member ? standing_of(org, member) : Standing{"admin", ""};
    spi.finish();
    sentinel::set_identity(&org, has_member ? &member : nullptr, standing.role.c_str(),
                           standing.teams.c_str(), true);
    if (!PG_ARGISNULL(2))
        sentinel::set_client_address(
            pg::server([&] { return DatumGetCString(DirectFunctionCall1(inet_out, PG_GETARG_DATUM(2))); }));
    PG_RETURN_VOID();
}

SENTINEL_FUNCTION(sentinel_leave) {
    sentinel::set_identity(nullptr, nullptr, nullptr, nullptr, false);
    PG_RETURN_VOID();
}
