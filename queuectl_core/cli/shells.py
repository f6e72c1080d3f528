"""The scripts that `queuectl completion` prints.

They ask the executable at each TAB, so that they need not be made again after an upgrade.
"""

from __future__ import annotations

BASH = r"""# queuectl completion for bash. To load it:  source <(queuectl completion bash)
_queuectl() {
    local answer directive words
    COMPREPLY=()
    words=("${COMP_WORDS[@]:1:COMP_CWORD}")
    mapfile -t answer < <("${COMP_WORDS[0]}" __complete bash "${words[@]}" 2>/dev/null)
    ((${#answer[@]})) || return 0
    directive=${answer[-1]}
    unset 'answer[-1]'
    COMPREPLY=("${answer[@]}")
    case $directive in
        :files) compopt -o default ;;
        :directories) compopt -o dirnames ;;
        :commands) mapfile -t COMPREPLY < <(compgen -c -- "${COMP_WORDS[COMP_CWORD]}") ;;
    esac
}
complete -F _queuectl queuectl
"""

ZSH = r"""#compdef queuectl
# queuectl completion for zsh. To load it:  source <(queuectl completion zsh)
# or keep it as a file _queuectl in a directory of $fpath.
_queuectl() {
    local -a answer
    local directive
    answer=("${(@f)$("${words[1]}" __complete zsh "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    directive=${answer[-1]}
    answer[-1]=()
    case $directive in
        :files) _files ;;
        :directories) _files -/ ;;
        :commands) _command_names -e ;;
        *) ((${#answer})) && _describe -V queuectl answer ;;
    esac
}
if [[ ${funcstack[1]} == _queuectl ]]; then
    _queuectl "$@"
else
    compdef _queuectl queuectl
fi
"""

FISH = r"""# queuectl completion for fish. To load it:  queuectl completion fish | source
# or keep it as ~/.config/fish/completions/queuectl.fish
function __queuectl_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l answer ($words[1] __complete fish $words[2..-1] "$current" 2>/dev/null)
    switch "$answer[-1]"
        case :files
            __fish_complete_path "$current"
        case :directories
            __fish_complete_directories "$current"
        case :commands
            __fish_complete_command
        case '*'
            printf '%s\n' $answer[1..-2]
    end
end
complete -c queuectl -f -k -a '(__queuectl_complete)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}
