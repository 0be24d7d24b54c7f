// SPDX-License-Identifier: GPL-2.0

//! A terminal for the full-screen subcommands: a pair of pseudo-terminals.
#![allow(dead_code, reason = "each test uses a part")]

use rustix::{
    io::ioctl_fionbio,
    process::{kill_process, Pid, Signal},
    pty::{grantpt, openpt, ptsname, unlockpt, OpenptFlags},
    termios::{tcgetattr, tcsetwinsize, LocalModes, Termios, Winsize},
};
use std::{
    ffi::OsStr,
    fs::File,
    io::{ErrorKind, Read, Write},
    os::unix::ffi::OsStrExt,
    path::Path,
    process::{Child, Command, ExitStatus},
    thread,
    time::Duration,
};

/// How often it is looked whether something has happened, and how often at the most: then the program hangs.
const LOOK: Duration = Duration::from_millis(20);
const LOOKS: u32 = 15_000;

/// A program on a terminal.
pub struct Terminal {
    /// What a terminal emulator has; none after it has hung up.
    master: Option<File>,
    /// What the program has.
    slave: File,
    child: Child,
    /// All that the program wrote.
    pub seen: String,
    /// The terminal as it was.
    before: Termios,
}

impl Terminal {
    /// Starts the program on a saved copy, in a session of its own that this terminal controls.
    pub fn start(root: &Path, arguments: &[&str]) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).expect("a terminal");
        grantpt(&master).expect("a terminal");
        unlockpt(&master).expect("a terminal");
        ioctl_fionbio(&master, true).expect("it is read without waiting");
        let size = Winsize {
            ws_row: 24,
            ws_col: 80,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&master, size).expect("its size");
        let name = ptsname(&master, Vec::new()).expect("its name");
        let name = Path::new(OsStr::from_bytes(name.as_bytes()));
        let slave = File::options().read(true).write(true).open(name);
        let slave = slave.expect("its other end");
        let before = tcgetattr(&slave).expect("its state");
        assert!(before.local_modes.contains(LocalModes::ICANON));
        let end = || slave.try_clone().expect("its other end");
        let child = Command::new("setsid")
            .args(["--ctty", env!("CARGO_BIN_EXE_rmpoptctl"), "--root"])
            .arg(root)
            .args(arguments)
            .env("TERM", "xterm")
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn();
        Self {
            master: Some(master.into()),
            slave,
            child: child.expect("the program runs"),
            seen: String::new(),
            before,
        }
    }

    /// Reads what is there.
    fn read(&mut self) {
        let mut bytes = [0; 4096];
        while let Some(master) = &mut self.master {
            match master.read(&mut bytes) {
                Ok(n) => self.seen += &String::from_utf8_lossy(&bytes[..n]),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) => panic!("the terminal: {e}"),
            }
        }
    }

    /// Waits until the program has written this.
    pub fn until(&mut self, what: &str) {
        for _ in 0..LOOKS {
            self.read();
            if self.seen.contains(what) {
                return;
            }
            let ended = self.child.try_wait().expect("the program");
            assert!(
                ended.is_none(),
                "no {what:?}, ended {ended:?}: {}",
                self.seen
            );
            thread::sleep(LOOK);
        }
        panic!("it hangs, without {what:?}: {}", self.seen);
    }

    /// Types it.
    pub fn keys(&mut self, keys: &str) {
        let master = self.master.as_mut().expect("the terminal is there");
        master.write_all(keys.as_bytes()).expect("the terminal");
    }

    /// Sends a signal to the program alone.
    pub fn kill(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a process"), signal).expect("the program is there");
    }

    /// Closes the terminal, as its window does.
    pub fn hang_up(&mut self) {
        self.master = None;
    }

    /// Whether keys go to the program as they are typed.
    pub fn raw(&self) -> bool {
        let now = tcgetattr(&self.slave).expect("its state");
        !now.local_modes.contains(LocalModes::ICANON)
    }

    /// Waits for the end of the program.
    pub fn end(&mut self) -> ExitStatus {
        for _ in 0..LOOKS {
            self.read();
            if let Some(status) = self.child.try_wait().expect("the program") {
                self.read();
                return status;
            }
            thread::sleep(LOOK);
        }
        panic!("it does not end: {}", self.seen);
    }

    /// The terminal is as it was before the program: modes, screen and cursor.
    pub fn clean(&self) {
        let now = tcgetattr(&self.slave).expect("its state");
        assert_eq!(now.local_modes, self.before.local_modes);
        assert_eq!(now.input_modes, self.before.input_modes);
        assert_eq!(now.output_modes, self.before.output_modes);
        for (on, off) in [
            ("\u{1b}[?1049h", "\u{1b}[?1049l"),
            ("\u{1b}[?25l", "\u{1b}[?25h"),
        ] {
            let last = |what| self.seen.rfind(what);
            assert!(last(on).is_some(), "no {on:?}: {:?}", self.seen);
            assert!(
                last(off) > last(on),
                "no {off:?} at the end: {:?}",
                self.seen
            );
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
