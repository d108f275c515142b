//! Keystone fails, and what is known goes on.

use std::time::{Duration, Instant};

use identity::{Authenticator, Keystone};

use crate::fake::{Fake, Mood, PASSWORD, outcome, settings, show};

/// Many at once: what each became.
async fn together(authenticator: &Authenticator, tokens: impl IntoIterator<Item = String>) -> Vec<&'static str> {
    let tasks: Vec<_> = tokens
        .into_iter()
        .map(|token| {
            let authenticator = authenticator.clone();
            tokio_util::task::TaskTracker::new().spawn(async move { outcome(&authenticator, &token).await })
        })
        .collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.unwrap());
    }
    outcomes
}

#[tokio::test]
async fn one_question_for_many_who_wait() {
    let fake = Fake::start().await;
    let authenticator = fake.authenticator();
    assert_eq!(together(&authenticator, vec!["good".to_owned(); 50]).await, ["valid"; 50]);
    assert_eq!((fake.logins(), fake.look_ups()), (1, 1));
    assert_eq!(together(&authenticator, (0..50).map(|number| format!("good-{number}"))).await, ["valid"; 50]);
    assert_eq!((fake.logins(), fake.look_ups()), (1, 51));
}

#[tokio::test]
async fn one_login_for_many_who_wait() {
    let fake = Fake::start().await;
    let authenticator = fake.authenticator();
    assert_eq!(together(&authenticator, (0..50).map(|number| format!("good-{number}"))).await, ["valid"; 50]);
    assert_eq!(fake.logins(), 1);
    fake.forget_us();
    assert_eq!(together(&authenticator, (50..100).map(|number| format!("good-{number}"))).await, ["valid"; 50]);
    assert_eq!(fake.logins(), 2);
}

#[tokio::test]
async fn invalid_is_remembered_too() {
    let fake = Fake::start().await;
    let authenticator = fake.authenticator();
    for _ in 0..5 {
        assert_eq!(outcome(&authenticator, "bad").await, "invalid");
    }
    assert_eq!(fake.look_ups(), 1);
    for odd in ["", &"x".repeat(1 << 20)] {
        assert_eq!(outcome(&authenticator, odd).await, "invalid");
    }
    assert_eq!(fake.look_ups(), 1);
}

#[tokio::test]
async fn what_is_known_goes_on_and_what_is_not_is_unavailable() {
    let fake = Fake::start().await;
    let authenticator = fake.authenticator();
    assert_eq!(outcome(&authenticator, "good").await, "valid");
    for mood in
        [Mood::Status(500), Mood::Status(503), Mood::Status(403), Mood::Status(204), Mood::Garbage, Mood::Endless]
    {
        fake.behave(|behaviour| behaviour.look_ups = mood.clone());
        assert_eq!(outcome(&authenticator, "good").await, "valid", "{mood:?}");
        assert_eq!(outcome(&authenticator, "good-new").await, "unavailable", "{mood:?}");
        assert_eq!(outcome(&authenticator, "bad").await, "unavailable", "{mood:?}");
    }
    // nothing of that is remembered
    fake.behave(|behaviour| behaviour.look_ups = Mood::Well);
    assert_eq!(outcome(&authenticator, "good-new").await, "valid");
    fake.stop().await;
    assert_eq!(outcome(&authenticator, "good").await, "valid");
    assert_eq!(outcome(&authenticator, "good-newer").await, "unavailable");
}

#[tokio::test]
async fn silence_ends() {
    let fake = Fake::start().await;
    let authenticator = fake.authenticator();
    fake.behave(|behaviour| behaviour.look_ups = Mood::Silent);
    let began = Instant::now();
    assert_eq!(together(&authenticator, vec!["good".to_owned(); 50]).await, ["unavailable"; 50]);
    assert_eq!(fake.look_ups(), 1);
    fake.behave(|behaviour| behaviour.logins = Mood::Silent);
    fake.forget_us();
    assert_eq!(together(&authenticator, (0..50).map(|number| format!("good-{number}"))).await, ["unavailable"; 50]);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[tokio::test]
async fn who_goes_away_while_it_waits_takes_nothing_along() {
    let fake = Fake::start().await;
    let authenticator = fake.authenticator();
    fake.behave(|behaviour| behaviour.logins = Mood::Silent);
    let gave_up = tokio::time::timeout(Duration::from_millis(200), show(&authenticator, "good")).await;
    assert!(gave_up.is_err());
    fake.behave(|behaviour| behaviour.logins = Mood::Well);
    assert_eq!(outcome(&authenticator, "good").await, "valid");
}

#[tokio::test]
async fn a_wrong_password_is_not_tried_with_every_request() {
    let fake = Fake::start().await;
    fake.behave(|behaviour| behaviour.logins = Mood::Status(401));
    let authenticator = fake.authenticator();
    assert_eq!(together(&authenticator, (0..50).map(|number| format!("good-{number}"))).await, ["unavailable"; 50]);
    assert_eq!(fake.logins(), 1);
    let error = Keystone::new(settings(&fake.url)).unwrap().probe().await.unwrap_err();
    assert!(!error.is_transient());
    assert!(error.to_string().contains("service user cinder in project service"), "{error}");
}

#[tokio::test]
async fn mistakes_are_told_apart_from_absence() {
    for (mood, transient, part) in [
        (Mood::Status(500), true, "answered 500"),
        (Mood::Status(404), false, "auth_url"),
        (Mood::Garbage, false, "auth_url"),
        (Mood::Silent, true, "within"),
    ] {
        let fake = Fake::start().await;
        fake.behave(|behaviour| behaviour.logins = mood.clone());
        let error = Keystone::new(settings(&fake.url)).unwrap().probe().await.unwrap_err();
        assert_eq!(error.is_transient(), transient, "{mood:?}: {error}");
        assert!(error.to_string().contains(part), "{mood:?}: {error}");
    }
}

#[tokio::test]
async fn the_password_goes_nowhere_else() {
    let (fake, elsewhere) = (Fake::start().await, Fake::start().await);
    let target = format!("{}/v3/auth/tokens", elsewhere.url);
    fake.behave(|behaviour| behaviour.logins = Mood::Elsewhere(target));
    let authenticator = fake.authenticator();
    assert_eq!(outcome(&authenticator, "good").await, "unavailable");
    assert_eq!((fake.logins(), elsewhere.logins()), (1, 0));
}

#[tokio::test]
async fn what_has_expired_is_not_valid_whatever_keystone_says() {
    let fake = Fake::start().await;
    fake.behave(|behaviour| behaviour.expires_at = Some("2020-01-02T00:00:00.000000Z"));
    assert_eq!(outcome(&fake.authenticator(), "good").await, "invalid");
}

#[tokio::test]
async fn revoked_tokens_are_asked_about_again() {
    let fake = Fake::start().await;
    let authenticator = fake.authenticator();
    for token in ["good", "good-other"] {
        assert_eq!(outcome(&authenticator, token).await, "valid");
    }
    let event = serde_json::json!({ "issued_before": "2999-01-01T00:00:00.000000Z", "audit_id": "audit-of-good" });
    fake.behave(|behaviour| {
        behaviour.revoked = vec![event];
        behaviour.look_ups = Mood::Status(404);
    });
    let revoked = async {
        while outcome(&authenticator, "good").await == "valid" {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = authenticator.follow_revocations() => unreachable!("it never ends"),
        () = revoked => {}
    }
    assert_eq!(outcome(&authenticator, "good-other").await, "valid");
    assert_eq!(fake.look_ups(), 3);
}

#[tokio::test]
async fn clients_are_told_the_public_address() {
    let fake = Fake::start().await;
    let authenticator = fake.authenticator();
    assert_eq!(authenticator.challenge(), Some(format!("Keystone uri=\"{}/v3\"", fake.url)));
    assert_eq!(outcome(&authenticator, "good").await, "valid");
    assert_eq!(authenticator.challenge().as_deref(), Some("Keystone uri=\"http://public/v3\""));
    let mut told = settings(&fake.url);
    told.public_auth_url = Some("https://told".to_owned());
    let authenticator = Authenticator::Keystone(Keystone::new(told).unwrap());
    assert_eq!(outcome(&authenticator, "good").await, "valid");
    assert_eq!(authenticator.challenge().as_deref(), Some("Keystone uri=\"https://told\""));
}

#[tokio::test]
async fn secrets_are_not_shown() {
    let fake = Fake::start().await;
    let authenticator = fake.authenticator();
    let first = show(&authenticator, "good-secret-token").await.map(|_| ());
    fake.behave(|behaviour| behaviour.look_ups = Mood::Garbage);
    let second = show(&authenticator, "good-other-secret-token").await;
    fake.stop().await;
    let third = show(&authenticator, "good-third-secret-token").await;
    let said = format!("{authenticator:?} {first:?} {second:?} {third:?}");
    assert!(said.contains("Unavailable"), "{said}");
    assert!(!said.contains(PASSWORD) && !said.contains("secret-token") && !said.contains("own-1"), "{said}");
}
