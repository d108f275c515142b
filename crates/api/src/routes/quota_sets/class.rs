//! `GET`, `PUT /os-quota-class-sets/{class}` (API spec 11.3).

use identity::Rule;
use serde_json::json;

use super::body::LIMITS;
use super::{QUOTAS, body, limits};
use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::{Field, Operation, Shape};
use crate::reply::Reply;
use crate::schema::{Key, Object, Schema};
use crate::wording::bounded;

static BODY: Schema = Schema::Object(&Object::strict(&[Key::new("quota_class_set", LIMITS)], &["quota_class_set"]));

static SET: Shape = Shape::Record(&[Field::new("quota_class_set", Shape::Same(&QUOTAS))]);

pub(super) static SHOW: Operation = Operation::ok("Shows the quotas of a class.", &SET);

pub(super) async fn show(call: Call) -> Result<Reply, ApiError> {
    call.allow_own(Rule::QuotaClassGet)?;
    let class = call.param("class");
    let mut set = limits(&call.catalog().quota_class(class, &call.scope()).await?);
    set.insert("id".to_owned(), json!(class));
    Reply::ok(&json!({ "quota_class_set": set }))
}

pub(super) static UPDATE: Operation = Operation::ok("Changes the quotas of a class.", &SET).takes(&BODY);

pub(super) async fn update(call: Call) -> Result<Reply, ApiError> {
    let wanted = body::of_class(&call).await?;
    call.allow_own(Rule::QuotaClassUpdate)?;
    let class = call.param("class");
    bounded("quota_class_name", class)?;
    call.catalog().set_quota_class(class, &wanted).await?;
    Reply::ok(&json!({ "quota_class_set": limits(&call.catalog().quota_class(class, &call.scope()).await?) }))
}
