//! The instructions of a Dockerfile as typed nodes.

use crate::{Comments, Few, List, Span, Text};

pub(crate) mod add;
pub(crate) mod arg;
pub(crate) mod command;
pub(crate) mod copy;
pub(crate) mod expose;
pub(crate) mod from;
pub(crate) mod healthcheck;
pub(crate) mod keyword;
pub(crate) mod onbuild;
pub(crate) mod pairs;
pub(crate) mod run;
pub(crate) mod shell;
pub(crate) mod volume;
pub(crate) mod whole;

pub use keyword::Keyword;

/// One instruction: what every instruction has, and its typed content.
#[derive(Clone, Debug, PartialEq)]
pub struct Instruction<'a> {
    /// From the first byte of the instruction to the end of the last line, heredoc terminators
    /// included, without the final line end.
    pub span: Span,
    /// First and last physical line, counted from 1, as BuildKit reports them.
    pub lines: (u32, u32),
    /// Whether a blank line stands among its continued lines, which BuildKit warns of.
    pub has_blank_continuation: bool,
    /// The keyword as written, continuations joined.
    pub keyword: Text<'a>,
    /// The flags as written, known or not.
    pub flags: Few<Flag<'a>>,
    /// Everything after keyword and flags, continuations joined, trimmed.
    pub arguments: Text<'a>,
    /// Heredocs in the order of their bodies.
    pub heredocs: Few<Heredoc<'a>>,
    /// Comment texts collected since the instruction before (descriptions, inline checks).
    pub comments: Comments<'a>,
    /// The typed content.
    pub kind: Kind<'a>,
}

/// A heredoc of RUN, COPY or ADD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heredoc<'a> {
    /// The start word as written, `<<-"EOF"` for example.
    pub word: Text<'a>,
    /// The delimiter, quotes removed.
    pub name: String,
    /// The file descriptor before `<<`, 0 when none is written.
    pub file_descriptor: u32,
    /// Whether variables in the body are expanded (no quotes in the word).
    pub expand: bool,
    /// Whether leading tabs are cut when the body is used (`<<-`).
    pub chomp: bool,
    /// The body as it stands in the source, tabs kept, terminator excluded.
    pub body: Text<'a>,
    /// The terminator line without its line end; empty at the end of the body when it is missing.
    pub terminator: Span,
}

/// A flag in front of the arguments: `--name` or `--name=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag<'a> {
    /// From the `--` to the end of the flag.
    pub span: Span,
    /// The name without dashes.
    pub name: Text<'a>,
    /// The value after the first `=`, quotes removed; `None` without `=`.
    pub value: Option<Text<'a>>,
}

/// The typed content of an instruction. One variant a keyword, named like it.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each variant is documented by its type")]
pub enum Kind<'a> {
    Add(Add<'a>),
    Arg(Arg<'a>),
    Cmd(Command<'a>),
    Copy(Copy<'a>),
    Entrypoint(Command<'a>),
    Env(Pairs<'a>),
    Expose(Expose<'a>),
    From(From<'a>),
    Healthcheck(Healthcheck<'a>),
    Label(Pairs<'a>),
    Maintainer(Text<'a>),
    Onbuild(Onbuild<'a>),
    Run(Run<'a>),
    Shell(Vec<Text<'a>>),
    Stopsignal(Text<'a>),
    User(Text<'a>),
    Volume(Volume<'a>),
    Workdir(Text<'a>),
    /// No instruction, or one that BuildKit would refuse; [`Instruction::keyword`] and
    /// [`Instruction::arguments`] hold its text, and the fault is in [`crate::Parse::errors`].
    Invalid(Keyword),
}

/// `command` or `["program", "argument"]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// The text that the SHELL in force is given.
    Shell(Text<'a>),
    /// The JSON form: program and arguments.
    Exec(Vec<Text<'a>>),
}

/// `ADD [flags] source… destination`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Add<'a> {
    /// What is added; a heredoc's word stands here like a path.
    pub sources: List<Text<'a>>,
    /// Where to.
    pub destination: Text<'a>,
    /// Whether the paths were given as a JSON array.
    pub json: bool,
    /// The flags, if there are any; read them as fields of this type.
    pub(crate) options: Option<Box<AddOptions<'a>>>,
}

/// The flags of ADD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddOptions<'a> {
    /// `--chown`
    pub chown: Option<Text<'a>>,
    /// `--chmod`
    pub chmod: Option<Text<'a>>,
    /// `--checksum`
    pub checksum: Option<Text<'a>>,
    /// `--link`
    pub link: bool,
    /// `--keep-git-dir`; `None` when not given
    pub keep_git_dir: Option<bool>,
    /// `--unpack`; `None` when not given
    pub unpack: Option<bool>,
    /// `--exclude`
    pub exclude: Vec<Text<'a>>,
}

impl<'a> std::ops::Deref for Add<'a> {
    type Target = AddOptions<'a>;

    fn deref(&self) -> &AddOptions<'a> {
        static NONE: AddOptions<'static> = AddOptions {
            chown: None,
            chmod: None,
            checksum: None,
            link: false,
            keep_git_dir: None,
            unpack: None,
            exclude: Vec::new(),
        };
        self.options.as_deref().unwrap_or(&NONE)
    }
}

/// `COPY [flags] source… destination`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy<'a> {
    /// What is copied; a heredoc's word stands here like a path.
    pub sources: List<Text<'a>>,
    /// Where to.
    pub destination: Text<'a>,
    /// Whether the paths were given as a JSON array.
    pub json: bool,
    /// The flags, if there are any; read them as fields of this type.
    pub(crate) options: Option<Box<CopyOptions<'a>>>,
}

/// The flags of COPY.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyOptions<'a> {
    /// `--from`, if given and not empty
    pub from: Option<Text<'a>>,
    /// `--chown`
    pub chown: Option<Text<'a>>,
    /// `--chmod`
    pub chmod: Option<Text<'a>>,
    /// `--link`
    pub link: bool,
    /// `--parents`
    pub parents: bool,
    /// `--exclude`
    pub exclude: Vec<Text<'a>>,
}

impl<'a> std::ops::Deref for Copy<'a> {
    type Target = CopyOptions<'a>;

    fn deref(&self) -> &CopyOptions<'a> {
        static NONE: CopyOptions<'static> = CopyOptions {
            from: None,
            chown: None,
            chmod: None,
            link: false,
            parents: false,
            exclude: Vec::new(),
        };
        self.options.as_deref().unwrap_or(&NONE)
    }
}

/// `ARG name[=default] …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arg<'a> {
    /// The declarations in order.
    pub declarations: List<Declaration<'a>>,
}

/// One `name` or `name=default` of an ARG.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration<'a> {
    /// The name.
    pub name: Text<'a>,
    /// The default, not yet expanded.
    pub default: Option<Text<'a>>,
}

/// The content of ENV and LABEL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pairs<'a> {
    /// The pairs in order, not yet expanded.
    pub pairs: List<Pair<'a>>,
    /// Whether this is the old form `ENV name rest of the line`.
    pub legacy: bool,
}

/// `name=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair<'a> {
    /// The name as written.
    pub name: Text<'a>,
    /// The value as written, quotes kept.
    pub value: Text<'a>,
}

/// `EXPOSE port[/protocol] …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expose<'a> {
    /// The words in the order written, not yet expanded.
    pub ports: List<Text<'a>>,
}

/// `FROM [--platform=…] image [AS name]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct From<'a> {
    /// The base as written, not yet expanded.
    pub image: Text<'a>,
    /// `--platform`
    pub platform: Option<Box<Text<'a>>>,
    /// The word `AS` as written, when there is a stage name.
    pub as_keyword: Option<Text<'a>>,
    /// The stage name as written; stages compare by its lower case.
    pub name: Option<Text<'a>>,
}

/// `HEALTHCHECK NONE` or `HEALTHCHECK [flags] CMD command`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Healthcheck<'a> {
    /// `NONE`
    None,
    /// `CMD` with its flags; durations in nanoseconds, 0 when not given.
    Cmd {
        /// The command that checks.
        command: Command<'a>,
        /// `--interval`, in nanoseconds
        interval_ns: i64,
        /// `--timeout`, in nanoseconds
        timeout_ns: i64,
        /// `--start-period`, in nanoseconds
        start_period_ns: i64,
        /// `--start-interval`, in nanoseconds
        start_interval_ns: i64,
        /// `--retries`
        retries: i32,
    },
}

/// `ONBUILD instruction`.
#[derive(Clone, Debug, PartialEq)]
pub struct Onbuild<'a> {
    /// The trigger, parsed now; BuildKit judges its keyword and flags only when it runs, so it may
    /// be [`Kind::Invalid`] without an error.
    pub trigger: Box<Instruction<'a>>,
    /// The text that goes into the image: the instruction and its heredocs.
    pub text: String,
}

/// `RUN [flags] command`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run<'a> {
    /// What is run; for a heredoc see [`Instruction::heredocs`].
    pub command: Command<'a>,
    /// The flags, if there are any; read them as fields of this type.
    pub(crate) options: Option<Box<RunOptions<'a>>>,
}

/// The flags of RUN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunOptions<'a> {
    /// `--mount` values, in order
    pub mounts: Vec<Mount<'a>>,
    /// `--network`; `None` when not given
    pub network: Option<Text<'a>>,
    /// `--security`; `None` when not given
    pub security: Option<Text<'a>>,
    /// `--device` values
    pub devices: Vec<Text<'a>>,
}

impl<'a> std::ops::Deref for Run<'a> {
    type Target = RunOptions<'a>;

    fn deref(&self) -> &RunOptions<'a> {
        static NONE: RunOptions<'static> =
            RunOptions { mounts: Vec::new(), network: None, security: None, devices: Vec::new() };
        self.options.as_deref().unwrap_or(&NONE)
    }
}

/// One `--mount` value, split at its commas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount<'a> {
    /// The whole value.
    pub value: Text<'a>,
    /// `key=value` or bare `key` fields, in order.
    pub fields: Vec<(Text<'a>, Option<Text<'a>>)>,
}

/// `VOLUME path …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume<'a> {
    /// The paths, not yet expanded.
    pub paths: List<Text<'a>>,
    /// Whether they were given as a JSON array.
    pub json: bool,
}

impl Heredoc<'_> {
    /// Returns the body as it is used: leading tabs of every line cut if the word is `<<-`.
    pub fn content(&self) -> std::borrow::Cow<'_, str> {
        let body = self.body.as_str();
        if !self.chomp || !body.contains('\t') {
            return body.into();
        }
        body.split_inclusive('\n').map(|line| line.trim_start_matches('\t')).collect()
    }
}

impl<'a> Instruction<'a> {
    /// What an instruction is before it is read.
    pub(crate) const BLANK: Self = Self {
        span: Span::new(0, 0),
        lines: (0, 0),
        has_blank_continuation: false,
        keyword: Text::borrowed("", 0),
        flags: Few::none(),
        arguments: Text::borrowed("", 0),
        heredocs: Few::none(),
        comments: Comments::new("", 0),
        kind: Kind::Invalid(Keyword::Unknown),
    };

    /// Returns the keyword.
    pub fn kind_of_keyword(&self) -> Keyword {
        Keyword::of(self.keyword.as_str())
    }

    /// Returns the description of the stage or argument `name` that the comments above give: the
    /// rest of the first comment that starts with the name and a blank.
    pub fn description(&self, name: &str) -> Option<&'a str> {
        self.comments.iter().find_map(|comment| {
            let rest = comment.as_source()?.strip_prefix(name)?;
            rest.starts_with(' ').then(|| rest.trim())
        })
    }

    /// Returns the flag `name` if it is there.
    pub fn flag(&self, name: &str) -> Option<&Flag<'a>> {
        self.flags.iter().find(|flag| flag.name.as_str() == name)
    }
}
