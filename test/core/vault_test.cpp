// Envelopes and key files: nothing opens that was moved, changed or cut.
#include "core/vault.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

using namespace sentinel::core;

namespace {

const std::string kA(64, 'a');
const std::string kB(64, 'b');
const Binding kHome{"0190aaaa-0000-7000-8000-000000000001", "0190aaaa-0000-7000-8000-000000000002", "1"};

Vault vault_of(const std::string& text) {
    std::vector<std::string> problems;
    auto ring = Keyring::parse(text, problems);
    EXPECT_TRUE(ring) << (problems.empty() ? "" : problems.front());
    return Vault(std::move(*ring));
}

std::vector<std::string> faults(const std::string& text) {
    std::vector<std::string> problems;
    EXPECT_FALSE(Keyring::parse(text, problems));
    return problems;
}

struct Folder {
    std::string path;
    Folder() {
        char name[] = "/tmp/vault_test_XXXXXX";
        path = mkdtemp(name);
    }
    ~Folder() {
        unlink((path + "/keys").c_str());
        unlink((path + "/link").c_str());
        rmdir(path.c_str());
    }
};

}  // namespace

TEST(Vault, OpensWhatItSealed) {
    const Vault vault = vault_of("7 " + kA + " active");
    for (const std::string& plain : std::initializer_list<std::string>{
             "", "x", "https://hooks.slack.com/x", std::string("a\0b", 3), std::string(8000, 'z')}) {
        const Bytes envelope = vault.seal(plain, kHome);
        EXPECT_EQ(envelope.size(), plain.size() + kEnvelopeOverhead);
        const auto opened = vault.open(envelope, kHome);
        ASSERT_TRUE(opened);
        EXPECT_EQ(opened->view(), plain);
    }
}

TEST(Vault, NeverSealsTwiceAlike) {
    const Vault vault = vault_of("7 " + kA + " active");
    EXPECT_NE(vault.seal("secret", kHome), vault.seal("secret", kHome));
}

TEST(Vault, HasTheFormatOfTheContract) {
    const Bytes envelope = vault_of("258 " + kA + " active").seal("secret", kHome);
    EXPECT_EQ(to_hex(Bytes(envelope.begin(), envelope.begin() + 6)), "010100000102");
    // Sealed by another implementation (Python, cryptography) with nonce 00..0b: a change of format shows
    // here.
    const auto foreign = from_hex(
        "010100000007000102030405060708090a0b0ac9970e06e6ce87881a8c882c6d2957e300041e9bc0e544f1c092"
        "4af54858dbfc2aa48ec4ba2283653812ca2e6f339b675332bb7f21");
    const auto opened = vault_of("7 " + kA + " active").open(*foreign, kHome);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->view(), "https://hooks.slack.com/services/T/B/X");
}

TEST(Vault, AnyFlippedBitFails) {
    const Vault vault = vault_of("7 " + kA + " active\n8 " + kB + " decrypt-only");
    const Bytes good = vault.seal("https://hooks.slack.com/services/T/B/X", kHome);
    for (std::size_t i = 0; i < good.size(); ++i) {
        for (int bit = 0; bit < 8; ++bit) {
            Bytes bad = good;
            bad[i] ^= static_cast<std::uint8_t>(1 << bit);
            EXPECT_FALSE(vault.open(bad, kHome)) << "byte " << i << " bit " << bit;
        }
    }
    EXPECT_TRUE(vault.open(good, kHome));
}

TEST(Vault, AnyOtherLengthFails) {
    const Vault vault = vault_of("7 " + kA + " active");
    const Bytes good = vault.seal("secret", kHome);
    for (std::size_t n = 0; n < good.size(); ++n) {
        EXPECT_FALSE(vault.open(Bytes(good.begin(), good.begin() + static_cast<long>(n)), kHome)) << n;
    }
    Bytes longer = good;
    longer.push_back(0);
    EXPECT_FALSE(vault.open(longer, kHome));
}

TEST(Vault, IsBoundToItsPlace) {
    const Vault vault = vault_of("7 " + kA + " active");
    const Bytes good = vault.seal("secret", kHome);
    Binding other = kHome;
    other.org[35] = '9';
    EXPECT_FALSE(vault.open(good, other)) << "another org";
    other = kHome;
    other.row[35] = '9';
    EXPECT_FALSE(vault.open(good, other)) << "another row";
    other = kHome;
    other.version = "2";
    EXPECT_FALSE(vault.open(good, other)) << "another version";
    other = kHome;
    other.column = "secrets.other";
    EXPECT_FALSE(vault.open(good, other)) << "another column";
    other = kHome;
    std::swap(other.org, other.row);
    EXPECT_FALSE(vault.open(good, other)) << "parts exchanged";
    other = kHome;
    other.row += "1";
    other.version = "";
    EXPECT_FALSE(vault.open(good, other)) << "a border moved";
}

TEST(Vault, RotatesKeys) {
    const Bytes old = vault_of("1 " + kA + " active").seal("secret", kHome);
    const Vault both = vault_of("1 " + kA + " decrypt-only\n2 " + kB + " active");
    EXPECT_EQ(both.open(old, kHome)->view(), "secret");
    EXPECT_EQ(both.seal("x", kHome)[5], 2);
    EXPECT_FALSE(vault_of("2 " + kB + " active").open(old, kHome)) << "its key is gone";
    EXPECT_FALSE(vault_of("1 " + kB + " active").open(old, kHome)) << "another key of the same id";
}

TEST(Keyring, ReadsCommentsAndBlankLines) {
    const Vault vault =
        vault_of("# keys\n\n  4294967295\t" + kA + "  active # now\r\n0 " + kB + " decrypt-only\n");
    EXPECT_FALSE(vault.empty());
}

TEST(Keyring, NamesEveryFaultWithoutTheKey) {
    for (const std::string& text : std::initializer_list<std::string>{
             "", "1 " + kA, "1 " + kA + " active extra", "x " + kA + " active", "-1 " + kA + " active",
             "4294967296 " + kA + " active", "1 abcd active", "1 " + std::string(64, 'g') + " active",
             "1 " + kA + " passive", "1 " + kA + " decrypt-only", "1 " + kA + " active\n2 " + kB + " active",
             "1 " + kA + " active\n1 " + kB + " decrypt-only"}) {
        const auto problems = faults(text);
        ASSERT_FALSE(problems.empty()) << text;
        for (const auto& problem : problems) {
            EXPECT_EQ(problem.find("aaaa"), std::string::npos);
            EXPECT_EQ(problem.find("bbbb"), std::string::npos);
            EXPECT_EQ(problem.rfind("key_file: ", 0), 0u);
        }
    }
}

TEST(Keyring, FileIsMadeOnceAndOnlyForUs) {
    const Folder folder;
    const std::string path = folder.path + "/keys";
    EXPECT_EQ(create_key_file(path), "");
    struct stat facts {};
    ASSERT_EQ(stat(path.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 07777, 0400u);
    std::stringstream before;
    before << std::ifstream(path).rdbuf();
    EXPECT_NE(create_key_file(path), "") << "an existing file is kept";
    std::stringstream after;
    after << std::ifstream(path).rdbuf();
    EXPECT_EQ(before.str(), after.str());
    std::vector<std::string> problems;
    EXPECT_TRUE(Keyring::read(path, problems)) << (problems.empty() ? "" : problems.front());
}

TEST(Keyring, FileThatOthersMayReadIsRefused) {
    const Folder folder;
    const std::string path = folder.path + "/keys";
    ASSERT_EQ(create_key_file(path), "");
    for (const mode_t mode : {0444, 0440, 0640, 0644, 0660, 0700, 0500, 04400}) {
        chmod(path.c_str(), mode);
        std::vector<std::string> problems;
        EXPECT_FALSE(Keyring::read(path, problems)) << std::oct << mode;
    }
    chmod(path.c_str(), 0600);
    std::vector<std::string> problems;
    EXPECT_TRUE(Keyring::read(path, problems));
    ASSERT_EQ(symlink(path.c_str(), (folder.path + "/link").c_str()), 0);
    EXPECT_FALSE(Keyring::read(folder.path + "/link", problems)) << "a link may point anywhere tomorrow";
    EXPECT_FALSE(Keyring::read(folder.path, problems));
    EXPECT_FALSE(Keyring::read(folder.path + "/none", problems));
}

TEST(Keyring, CredentialsOfSystemdAreTaken) {
    const Folder folder;
    ASSERT_EQ(create_key_file(folder.path + "/keys"), "");
    chmod((folder.path + "/keys").c_str(), 0440);
    setenv("CREDENTIALS_DIRECTORY", folder.path.c_str(), 1);
    std::vector<std::string> problems;
    EXPECT_TRUE(Keyring::read("$CREDENTIALS_DIRECTORY/keys", problems));
    chmod((folder.path + "/keys").c_str(), 0444);
    EXPECT_FALSE(Keyring::read("$CREDENTIALS_DIRECTORY/keys", problems));
    unsetenv("CREDENTIALS_DIRECTORY");
}

TEST(Secret, IsWipedAndMoves) {
    Secret one(std::string_view("abcdef"));
    Secret two = std::move(one);
    EXPECT_EQ(two.view(), "abcdef");
    one = Secret(std::string_view("other"));
    EXPECT_EQ(one.view(), "other");
}
