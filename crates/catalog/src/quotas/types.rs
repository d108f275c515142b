//! The limits of a volume type follow its name, and go with it.

use sqlx::PgConnection;

use crate::Result;

/// What is limited of each type; the key is followed by `_` and the type's name.
const PER_TYPE: [&str; 3] = ["volumes", "gigabytes", "snapshots"];

/// The limits that were set for a type get its new name. What was set before under that name was for a type that is
/// gone.
pub(crate) async fn rename_type(tx: &mut PgConnection, from: &str, to: &str) -> Result<()> {
    forget_type(tx, to).await?;
    for resource in PER_TYPE {
        let (from, to) = (format!("{resource}_{from}"), format!("{resource}_{to}"));
        for statement in [
            "UPDATE quotas SET resource = $2, updated_at = now() WHERE resource = $1",
            "UPDATE quota_classes SET resource = $2, updated_at = now() WHERE resource = $1",
        ] {
            sqlx::query(statement).bind(&from).bind(&to).execute(&mut *tx).await?;
        }
    }
    Ok(())
}

/// The limits of a type that is deleted go, so that another of the same name begins without.
pub(crate) async fn forget_type(tx: &mut PgConnection, name: &str) -> Result<()> {
    let keys = PER_TYPE.map(|resource| format!("{resource}_{name}"));
    for statement in
        ["DELETE FROM quotas WHERE resource = ANY($1)", "DELETE FROM quota_classes WHERE resource = ANY($1)"]
    {
        sqlx::query(statement).bind(&keys[..]).execute(&mut *tx).await?;
    }
    Ok(())
}
