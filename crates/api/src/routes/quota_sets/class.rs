//! `GET`, `PUT /os-quota-class-sets/{class}` (API spec 11.3).

use identity::Rule;
use serde_json::json;

use super::{body, limits};
use crate::call::Call;
use crate::fault::ApiError;
use crate::reply::Reply;

pub(super) async fn show(call: Call) -> Result<Reply, ApiError> {
    call.allow_own(Rule::QuotaClassGet)?;
    let class = call.param("class");
    let mut set = limits(&call.catalog().quota_class(class).await?);
    set.insert("id".to_owned(), json!(class));
    Reply::ok(&json!({ "quota_class_set": set }))
}

pub(super) async fn update(call: Call) -> Result<Reply, ApiError> {
    call.allow_own(Rule::QuotaClassUpdate)?;
    let class = call.param("class");
    let wanted = body::read(&call, "quota_class_set").await?;
    call.catalog().set_quota_class(class, &wanted).await?;
    Reply::ok(&json!({ "quota_class_set": limits(&call.catalog().quota_class(class).await?) }))
}
