/// What stands in place of a secret.
const MASK: &str = "***";

/// Fields whose value is a secret, in addresses such as `/cgi?user=admin&pwd=x` or `/user=admin_password=x_channel=1`.
const SECRET_FIELDS: [&str; 9] =
    ["password=", "passwd=", "pass=", "pwd=", "token=", "secret=", "auth=", "apikey=", "key="];

/// `text` without the user name and password of any address in it and without the secrets in its query, so that it can be
/// shown and logged.
pub fn mask_credentials(text: &str) -> String {
    mask_fields(&mask_user_info(text))
}

/// `scheme://user:password@host` → `scheme://***@host`, for each address in `text`. A password may hold `@` itself, so
/// everything up to the last `@` before the path goes, spaces included.
fn mask_user_info(text: &str) -> String {
    let mut parts = text.split("://");
    let mut masked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        masked.push_str("://");
        let authority = part.find(['/', '?', '#']).unwrap_or(part.len());
        match part[..authority].rfind('@') {
            Some(at) => masked.extend([MASK, &part[at..]]),
            None => masked.push_str(part),
        }
    }
    masked
}

/// `pwd=x&` → `pwd=***&`, whatever the case of the field's name. In a query a value ends where the next field begins; cameras
/// that have their fields in the path put other characters between them.
fn mask_fields(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut masked = String::new();
    let mut done = 0;
    while let Some(start) = first_secret(&lower, done) {
        let word = lower[..start].rfind(char::is_whitespace).map_or(0, |at| at + 1);
        let is_end = |c: char| match lower[word..start].contains('?') {
            true => c == '&' || c == '#' || c.is_whitespace(),
            false => "&_;#?/".contains(c) || c.is_whitespace(),
        };
        let end = lower[start..].find(is_end).map_or(lower.len(), |len| start + len);
        masked.extend([&text[done..start], MASK]);
        done = end;
    }
    masked.push_str(&text[done..]);
    masked
}

/// Where the first value of a secret field at or after `from` starts.
fn first_secret(lower: &str, from: usize) -> Option<usize> {
    SECRET_FIELDS.iter().filter_map(|field| Some(from + lower[from..].find(field)? + field.len())).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_name_and_password_of_an_address_are_masked_and_the_rest_stays() {
        for (given, shown) in [
            ("rtsp://admin:12@34@10.0.0.7:554/live", "rtsp://***@10.0.0.7:554/live"),
            ("rtsp://10.0.0.7/live@2", "rtsp://10.0.0.7/live@2"),
            ("http://cam/?user=a&PWD=x&channel=1", "http://cam/?user=a&PWD=***&channel=1"),
            ("rtsp://cam/user=admin_password=tl_channel=1", "rtsp://cam/user=admin_password=***_channel=1"),
            ("rtsp://admin:my pass@10.0.0.7/live", "rtsp://***@10.0.0.7/live"),
            ("http://cam/?password=abc_def&key=a/b;c&x=1", "http://cam/?password=***&key=***&x=1"),
            ("/srv/gate camera.mp4", "/srv/gate camera.mp4"),
            ("[tcp] rtsp://u:p@h: Connection refused", "[tcp] rtsp://***@h: Connection refused"),
        ] {
            assert_eq!(mask_credentials(given), shown);
        }
    }
}
