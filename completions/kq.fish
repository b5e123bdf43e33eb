# Completions of kq for fish.
#
# SPDX-License-Identifier: BSD-2-Clause
function __kq_last
    set -l words (commandline -opc)
    contains -- "$words[-1]" $argv
end

complete -c kq -f
complete -c kq -n __fish_use_subcommand -a demo -d 'show five kinds of events'
complete -c kq -n __fish_use_subcommand -a watch -d 'say what happens'
complete -c kq -n __fish_use_subcommand -a run -d 'run a command when files change'
complete -c kq -n __fish_use_subcommand -a info -d 'say what works on this system'
complete -c kq -n __fish_use_subcommand -s h -l help -d 'say what there is'
complete -c kq -n __fish_use_subcommand -s V -l version -d 'say the version'
complete -c kq -n '__fish_seen_subcommand_from watch run' -s n -l count -x -d 'end after so many'
complete -c kq -n '__fish_seen_subcommand_from watch' -s f -l format -x -a 'words json' -d 'how to say events'
complete -c kq -n '__fish_seen_subcommand_from run' -s r -l restart -d 'end the command when a file has changed'
complete -c kq -n '__fish_seen_subcommand_from run' -F
complete -c kq -n '__fish_seen_subcommand_from run; and __kq_last --' -a '(__fish_complete_command)'
complete -c kq -n '__fish_seen_subcommand_from watch; and not __kq_last timer read file process signal' -a 'timer read file process signal'
complete -c kq -n '__fish_seen_subcommand_from watch; and __kq_last read file' -F
complete -c kq -n '__fish_seen_subcommand_from watch; and __kq_last process' -a '(__fish_complete_pids)'
complete -c kq -n '__fish_seen_subcommand_from watch; and __kq_last signal' -a 'HUP INT QUIT USR1 USR2 ALRM TERM CHLD CONT WINCH'
