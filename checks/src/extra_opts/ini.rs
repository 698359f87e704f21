//! The ini file of extra options: sections of `name = value`, comments on lines of their own.

/// Why a file is not taken, with the line it is about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// An option before the first section.
    #[error("line {0} stands before any section")]
    NoSection(usize),
    /// No name, or no `=`.
    #[error("line {0} is not NAME=VALUE")]
    NotAnOption(usize),
    /// A byte that no argument can hold.
    #[error("line {0} has a zero byte")]
    ZeroByte(usize),
}

/// The options of every section of that name as arguments, in their order; none if there is no such option.
pub fn section(text: &[u8], name: &[u8]) -> Result<Option<Vec<Vec<u8>>>, Error> {
    let mut inside = None;
    let mut options = Vec::new();
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        let line = line.trim_ascii();
        match line.first() {
            None | Some(b'#' | b';') => {}
            Some(b'[') => {
                let end = line.iter().position(|byte| *byte == b']');
                inside = Some(end.is_some_and(|end| line[1..end].trim_ascii() == name));
            }
            Some(_) => match inside {
                None => return Err(Error::NoSection(number)),
                Some(false) => {}
                Some(true) => options.push(argument(line, number)?),
            },
        }
    }
    Ok((!options.is_empty()).then_some(options))
}

/// `-kvalue` or `--name=value`; without a value, the option alone.
fn argument(line: &[u8], number: usize) -> Result<Vec<u8>, Error> {
    if line.contains(&0) {
        return Err(Error::ZeroByte(number));
    }
    let at = line.iter().position(|byte| *byte == b'=').ok_or(Error::NotAnOption(number))?;
    let (name, value) = (line[..at].trim_ascii(), line[at + 1..].trim_ascii());
    let mut argument = Vec::with_capacity(line.len() + 2);
    match name.len() {
        0 => return Err(Error::NotAnOption(number)),
        1 => argument.push(b'-'),
        _ => argument.extend_from_slice(b"--"),
    }
    argument.extend_from_slice(name);
    if !value.is_empty() {
        if name.len() > 1 {
            argument.push(b'=');
        }
        argument.extend_from_slice(value);
    }
    Ok(argument)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, name: &str) -> Result<Option<Vec<String>>, Error> {
        let options = section(text.as_bytes(), name.as_bytes())?;
        Ok(options.map(|list| list.into_iter().map(|item| String::from_utf8(item).unwrap()).collect()))
    }

    #[test]
    fn a_section_may_come_twice_and_values_keep_what_is_in_them() {
        let text = "# c\n; c\n\n[ a ]\n w = 1 # x\nlong name =  a=b  \n[b]\nx\n[a] trailing\r\nverbose=\r\n";
        let wanted = ["-w1 # x", "--long name=a=b", "--verbose"].map(str::to_owned).to_vec();
        assert_eq!(read(text, "a"), Ok(Some(wanted)));
        assert_eq!(read("[a]\n", "a"), Ok(None));
        assert_eq!(read("[a\nx=1\n", "a"), Ok(None));
        assert_eq!(read("", "a"), Ok(None));
    }

    #[test]
    fn what_is_no_option_is_an_error_only_where_it_is_asked_for() {
        assert_eq!(read("x=1\n", "a"), Err(Error::NoSection(1)));
        assert_eq!(read("[a]\n\nx\n", "a"), Err(Error::NotAnOption(3)));
        assert_eq!(read("[a]\n =1\n", "a"), Err(Error::NotAnOption(2)));
        assert_eq!(read("[a]\nx=\u{0}\n", "a"), Err(Error::ZeroByte(2)));
        assert_eq!(read("[b]\nx\n[a]\nxy=1\n", "a"), Ok(Some(vec!["--xy=1".to_owned()])));
    }
}
