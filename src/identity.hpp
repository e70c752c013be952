// Who the session acts for: the organisation, the member, the member's role and teams.
#pragma once

#include "pg/door.hpp"

namespace sentinel {

// The session identity as the settings sentinel.org_id, member_id, member_role and member_teams hold it. The
// settings are superuser-only, so only enter(), leave() and the job runner change them. Parsed once per
// change.
struct Identity {
    bool has_org = false;
    bool has_member = false;
    pg_uuid_t org{};
    pg_uuid_t member{};
};

// Give the identity of this session.
const Identity& identity();

// Define the settings; called once from _PG_init.
void define_identity_settings();

// Set the organisation and member for the transaction (local) or the session. Null pointers clear them. role
// and teams are the member's ("uuid:role,uuid:role"). Bypasses the caller's rights: the caller of this
// function has checked them.
void set_identity(const pg_uuid_t* org, const pg_uuid_t* member, const char* role, const char* teams,
                  bool local);

// Note the address of the client that a gateway answers, for the transaction; the audit log keeps it.
void set_client_address(const char* address);

// Tell whether the member entered may do action ('view', 'edit' or 'assign') on a row of the team and owner.
// True for an organisation entered without a member; false when no organisation is entered. Source:
// revenue.md (d).
bool may(std::string_view action, const pg_uuid_t* team, const pg_uuid_t* owner);

// Tell whether the member entered may only read.
bool is_viewer();

}  // namespace sentinel
