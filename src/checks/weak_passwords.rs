//! Comparing the passwords of MySQL accounts with common ones, as SQL: the server compares, and no hash leaves it.

/// Passwords that attackers try first.
const COMMON: [&str; 24] = [
    "123456",
    "12345678",
    "123456789",
    "1234567890",
    "111111",
    "000000",
    "password",
    "Password1",
    "passw0rd",
    "P@ssw0rd",
    "admin",
    "admin123",
    "root",
    "root123",
    "mysql",
    "mariadb",
    "test",
    "test123",
    "qwerty",
    "abc123",
    "changeme",
    "secret",
    "welcome",
    "1qaz2wsx",
];

/// Ways to log in without a password of the database's own.
const WITHOUT_PASSWORD: &str = "'auth_socket', 'unix_socket', 'mysql_no_login', 'pam', 'authentication_pam', 'authentication_ldap_simple', \
     'authentication_ldap_sasl', 'authentication_kerberos', 'authentication_windows', 'authentication_fido', 'authentication_webauthn', \
     'authentication_openid_connect', 'gssapi', 'named_pipe', 'AWSAuthenticationPlugin'";

/// SQL that gives `none`, `weak`, `not weak`, `not compared` or `not used`, from expressions for plugin, hash and user name.
///
/// Only `mysql_native_password` has no salt. A hash of another length than its 41 characters lets no password in.
pub(super) fn compared(plugin: &str, hash: &str, user: &str) -> String {
    let weak = native_hashes(user).join(", ");
    format!(
        "case when {plugin} in ({WITHOUT_PASSWORD}) then 'not used' \
         when {hash} = '' then 'none' \
         when {plugin} <> 'mysql_native_password' then 'not compared' \
         when {hash} in ({weak}) then 'weak' \
         when char_length({hash}) <> 41 then 'not used' \
         else 'not weak' end"
    )
}

/// SQL expressions for the hashes of common passwords, and of those made from the user's name.
pub(super) fn native_hashes(user: &str) -> Vec<String> {
    let common = COMMON.iter().map(|password| format!("'{password}'"));
    let own = ["", "1", "123", "1234", "123456", "@123"].into_iter().map(|end| format!("concat({user}, '{end}')"));
    common.chain(own).map(|password| format!("concat('*', upper(sha1(unhex(sha1({password})))))")).collect()
}
