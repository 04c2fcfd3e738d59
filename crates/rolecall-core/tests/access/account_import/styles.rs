//! Ways to write accounts: nothing outside the changed values changes.

use proptest::prelude::*;
use rolecall_core::organization::{Organization, OrganizationAccount};

use super::{NEW_ID, account, import, imported, organization, texts};

/// The account is now in another unit and has other tags.
fn moved(name: &str) -> OrganizationAccount {
    account(
        name,
        "Workloads/Legacy",
        &[("env", "dev"), ("cost.center", "42")],
    )
}

/// Ways to write an account, with what [`moved`] changes. `ID` and `NAME` are replaced.
const STYLES: &[&str] = &[
    // Aligned, with comments.
    "[[account]]\nid   = \"ID\"          # 12 digits, in quotes\nname = \"NAME\"\nou   = «\"Workloads/Prod\"|\"Workloads/Legacy\"»  # path\ntags = { env = «\"prod\", team = \"payments\"|\"dev\", \"cost.center\" = \"42\"» } # tags\n# trust = \"caller\"\n",
    // Compact, literal strings.
    "[[account]]\nid='ID'\nname='NAME'\nou=«'Workloads/Prod'|'Workloads/Legacy'»\ntags={env=«'prod',team='payments'|'dev', \"cost.center\" = \"42\"»}\n",
    // Tags in a table of their own.
    "[[account]]\nid = \"ID\"\nname = \"NAME\"\nou = «\"Workloads/Prod\"|\"Workloads/Legacy\"»\n\n  [account.tags]\n  env = «\"prod\"|\"dev\"»   # environment\n«  team = \"payments\"\n|  \"cost.center\" = \"42\"\n»",
    // An empty table of tags.
    "[[account]]\nid = \"ID\"\nname = \"NAME\"\nou = «\"Workloads/Prod\"|\"Workloads/Legacy\"»\n[account.tags] # none yet\n«|\"cost.center\" = \"42\"\nenv = \"dev\"\n»",
    // Dotted keys.
    "[[account]]\nid = \"ID\"\nname = \"NAME\"\nou = «\"Workloads/Prod\"|\"Workloads/Legacy\"»\ntags.env = «\"prod\"|\"dev\"»\n«tags.team = \"payments\"\n|tags.\"cost.center\" = \"42\"\n»verify = true\n",
    // Dotted keys with spaces.
    "[[account]]\n\tid = \"ID\"\n\tname = \"NAME\"\n\ttags . env = «\"prod\"|\"dev\"» # t\n«|\ttags . \"cost.center\" = \"42\"\n»\tou = «\"Workloads/Prod\"|\"Workloads/Legacy\"»\n",
    // An inline table on several lines, with comments and a comma at the end.
    "[[account]]\nid = \"ID\"\nname = \"NAME\"\nou = «\"Workloads/Prod\"|\"Workloads/Legacy\"»\ntags = {\n  env = «\"prod\"|\"dev\", \"cost.center\" = \"42\"»,  # e\n«  team = \"payments\",|»  # t\n}\n",
    // The same without a comma at the end.
    "[[account]]\nid = \"ID\"\nname = \"NAME\"\nou = «\"Workloads/Prod\"|\"Workloads/Legacy\"»\ntags = {\n  env = «\"prod\",|\"dev\", \"cost.center\" = \"42\"»  # e, with a comma\n«  team = \"payments\"|»  # t\n}\n",
    // The tag that goes is the first one.
    "[[account]]\nid = \"ID\"\nname = \"NAME\"\nou = «\"Workloads/Prod\"|\"Workloads/Legacy\"»\ntags = { «team = \"payments\", |»env = «\"prod\"|\"dev\", \"cost.center\" = \"42\"» }\n",
    // Several tags go, before and after the one that stays.
    "[[account]]\nid = \"ID\"\nname = \"NAME\"\nou = «\"Workloads/Prod\"|\"Workloads/Legacy\"»\ntags = { «a = \"1\", b = \"2\", |»env = «\"prod\", c = \"3\", d = \"4\"|\"dev\", \"cost.center\" = \"42\"» }\n",
    // All tags go.
    "[[account]]\nid = \"ID\"\nname = \"NAME\"\nou = «\"Workloads/Prod\"|\"Workloads/Legacy\"»\ntags = «{ a = \"1\", b = \"2\" }|{ \"cost.center\" = \"42\", env = \"dev\" }»\n",
    "[[account]]\nid = \"ID\"\nname = \"NAME\"\nou = «\"Workloads/Prod\"|\"Workloads/Legacy\"»\ntags = «{}|{ \"cost.center\" = \"42\", env = \"dev\" }»\n",
    // No unit.
    "[[account]]\nid = \"ID\"\nname = \"NAME\" # name\n«|ou = \"Workloads/Legacy\"\n»tags = { env = «\"prod\"|\"dev\", \"cost.center\" = \"42\"» }\n",
    // No tags.
    "[[account]]\nid   = \"ID\"\nname = \"NAME\"\nou   = «\"Workloads/Prod\"|\"Workloads/Legacy\"»\n«|tags = { \"cost.center\" = \"42\", env = \"dev\" }\n»description = \"none\"\n",
    // Neither, aligned, indented with tabs.
    "\t[[ account ]] # header\n\tid\t= \"ID\"\n\tname\t= \"NAME\"\n«|\tou = \"Workloads/Legacy\"\n\ttags = { \"cost.center\" = \"42\", env = \"dev\" }\n»",
    "[[account]]\n    id   = \"ID\"\n    name = \"NAME\"\n«|    ou   = \"Workloads/Legacy\"\n    tags = { \"cost.center\" = \"42\", env = \"dev\" }\n»",
    // No spaces at all.
    "[[account]]\nid=\"ID\"\nname=\"NAME\"\n«|ou=\"Workloads/Legacy\"\ntags={ \"cost.center\" = \"42\", env = \"dev\" }\n»",
    // Quoted keys, several lines in a string, and text that looks like keys.
    "[[\"account\"]]\n\"id\" = \"ID\"\ndescription = \"\"\"\nou = \"x\"\n[[account]]\n\"\"\"\n'name' = \"\"\"NAME\"\"\"\n\"ou\" = «\"\"\"Workloads/Prod\"\"\"|\"Workloads/Legacy\"»\n\"tags\" = { \"env\" = «'''prod'''|\"dev\", \"cost.center\" = \"42\"» }\n",
    // Another order, with keys in between.
    "[[account]]\ntags = { env = «\"prod\"|\"dev\", \"cost.center\" = \"42\"» }\nou = «\"Workloads/Prod\"|\"Workloads/Legacy\"»\ntrust = \"gateway-saml\"\nname = \"NAME\"\nsaml_provider_arn = \"arn:aws:iam::ID:saml-provider/rolecall\"\nid = \"ID\"\n",
    // A table after the account.
    "[[account]]\nid = \"ID\"\nname = \"NAME\"\nou = «\"Workloads/Prod\"|\"Workloads/Legacy\"»\n«|tags = { \"cost.center\" = \"42\", env = \"dev\" }\n»trust = \"federation-token\"\n[account.credentials]\naccess_key_id = { file = \"NAME.id\" }\nsecret_access_key.file = \"NAME.secret\"\n",
    // Escapes.
    "[[account]]\nid = \"ID\"\nname = \"NAME\"\nou = «\"Workloads/\\u0050rod\"|\"Workloads/Legacy\"»\ntags = { \"\\u0065nv\" = «\"prod\"|\"dev\", \"cost.center\" = \"42\"» }\n",
    // Nothing changes.
    "[[account]]\nid = \"ID\"\nname = \"NAME\"\nou = 'Workloads/Legacy'\ntags = { 'cost.center' = '42' , env=\"\\u0064ev\", }\n",
];

const SECTIONS: [&str; 5] = [
    "",
    "# ---- Accounts ----\n\n",
    "#:schema ./access.schema.json\n\n\n",
    "[[permission_set]] # first\nname='P'\n\n",
    "deny = []
",
];

const ENDS: [&str; 4] = [
    "",
    "\n\n\n",
    "\n# ---- Permission sets ----\n\n[[permission_set]]\nname = \"Developer\"\nsession_policy = '''\n[[account]]\nou = \"x\"\n'''\n\n[[assignment]]\nid = \"a\"\nwho = { groups = [\"a\",  \"b\",] }\naccounts        = [\"ou:Workloads/Prod\"]   # one\npermission_sets = [ \"*\" ]\n[assignment.when]\nmfa  =  true\n",
    "[[permission_set]]\nname = \"x\"\n# the end",
];

const ADDED: &str = "«|\n[[account]]\nid   = \"999900001111\"\nname = \"new\"\nou   = \"Sandbox\"\ntags = { env = \"dev\" }\n»";

/// A file of accounts in these styles, and the organization in which all of them have moved.
fn compose(start: &str, styles: &[usize], gaps: &[&str], end: &str) -> (String, Organization) {
    let mut template = start.to_owned();
    let mut accounts = vec![(
        NEW_ID.to_owned(),
        account("new", "Sandbox", &[("env", "dev")]),
    )];
    for (number, style) in styles.iter().enumerate() {
        let (id, name) = (format!("{:012}", number + 1), format!("account-{number}"));
        template.push_str(&STYLES[*style].replace("ID", &id).replace("NAME", &name));
        if number + 1 < styles.len() {
            template.push_str(gaps[number % gaps.len()]);
        }
        accounts.push((id, moved(&name)));
    }
    template.push_str(ADDED);
    template.push_str(end);
    let accounts = accounts
        .iter()
        .map(|(id, account)| (id.as_str(), account.clone()));
    (template, organization(accounts))
}

fn every_style() -> Vec<usize> {
    (0..STYLES.len()).collect()
}

#[test]
fn only_changed_values_of_each_style_change() {
    assert!(every_style().len() >= 20);
    for style in every_style() {
        for ends in ["\n", "\r\n"] {
            let (template, organization) = compose("# first\n", &[style], &["\n"], ENDS[2]);
            let (before, after) = texts(&template.replace('\n', ends));
            assert_eq!(imported(&before, &organization), after, "{before}");
            assert_eq!(
                imported(&after, &organization),
                after,
                "a second import changes nothing"
            );
        }
    }
}

proptest! {
    #[test]
    fn foreign_bytes_stay(
        start in prop::sample::select(SECTIONS.to_vec()),
        styles in prop::collection::vec(prop::sample::select(every_style()), 1..6),
        gaps in prop::collection::vec(prop::sample::select(vec!["", "\n", "\n\n# comment: ou = \"x\"\n", "[[assignment]]\nid=\"d\"\n"]), 1..4),
        end in prop::sample::select(ENDS.to_vec()),
        ends in prop::sample::select(vec!["\n", "\r\n"]),
        mark in any::<bool>(),
    ) {
        let (template, organization) = compose(start, &styles, &gaps, end);
        let template = template.replace('\n', ends);
        let template = if mark { format!("\u{feff}{template}") } else { template };
        let (before, after) = texts(&template);
        prop_assert_eq!(imported(&before, &organization), after.clone());
        prop_assert_eq!(imported(&after, &organization), after);
    }
}

#[test]
fn diff_is_unified() {
    let (template, organization) = compose("", &[2], &["\n"], ENDS[2]);
    let (before, _) = texts(&template);
    let diff = import(&before, &organization).unwrap().files[0]
        .diff
        .clone();
    let expected = "--- access.toml\n+++ access.toml\n@@ -1,11 +1,17 @@\n [[account]]\n id = \"000000000001\"\n name = \"account-0\"\n-ou = \"Workloads/Prod\"\n+ou = \"Workloads/Legacy\"\n \n   [account.tags]\n-  env = \"prod\"   # environment\n-  team = \"payments\"\n+  env = \"dev\"   # environment\n+  \"cost.center\" = \"42\"\n+\n+[[account]]\n+id   = \"999900001111\"\n+name = \"new\"\n+ou   = \"Sandbox\"\n+tags = { env = \"dev\" }\n \n # ---- Permission sets ----\n \n";
    assert_eq!(diff, expected);
}
