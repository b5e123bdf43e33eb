import CKQueue
import CKqShims

func printHelp() {
  say(
    """
    Usage: kq demo
           kq watch KIND WHAT [KIND WHAT ...] [--count N] [--format json]
           kq run [--restart] [--count N] [FILE ...] -- COMMAND [WORD ...]
           kq info
           kq --help | --version

    Shows kqueue(2) at work, as the library in use does it.

      demo               watches a socket, a pipe, a file, a timer and a user event,
                         makes each of them fire, and says what comes; takes about 2 s
      watch timer MS     says when a timer of MS milliseconds expires
      watch read FILE    says when FILE can be read; - is standard input
      watch file FILE    says what happens to FILE, or in it where it is a folder
      watch process PID  says when process PID forks, runs a program, and ends
      watch signal SIGNAL  says when SIGNAL comes to kq itself: a name such as HUP, or
                         a number; it does not have its usual effect
      run                runs COMMAND, and again when one of the files has changed;
                         without files, those that standard input names, a line each
      info               says what the library finds on this system, for reports of faults

      -n, --count N      ends after N events, or N runs, not when interrupted
      -f, --format json  a line of JSON an event
      -r, --restart      ends COMMAND, with all that it started, when a file has changed
      -h, --help         prints this and ends
      -V, --version      prints the version of the library in use and ends

    Exit status: 0; 1 where something failed, or an event that demo expected did
    not come; 2 for a command line that cannot be understood. run: what COMMAND's
    last run returned, or 128 and the signal that ended it.
    """)
}

/// The version is the library's, since the tool has none of its own.
func printVersion() throws(Failure) {
  let queue = try Queue()
  let answer = try queue.ask(NOTE_VERSION_STR)
  guard let text = answer.udata else { throw Failure("asking the library for its version", EINVAL) }
  say("kq (libkqueue) \(String(cString: text.assumingMemoryBound(to: CChar.self)))")
}
