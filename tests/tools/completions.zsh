# SPDX-License-Identifier: Apache-2.0
# What an interactive zsh offers where a tab is typed behind each of the lines:
#   zsh -f completions.zsh FOLDER_OF_COMPLETIONS SCRATCH_FILE LINE...
# prints for each line the words, in order, and "." at its end.
zmodload zsh/zpty
folder=$1 scratch=$2
shift 2

zpty inner zsh -f -i
# Waits until the inner shell has done what was typed before.
integer count=0
settle() {
  ((++count))
  zpty -w inner "print at-\$((0+$count))-now"
  zpty -r inner ignored "*at-$count-now*"
}
zpty -w inner "PROMPT= ; unsetopt zle_bracketed_paste; fpath=(${(q)folder} \$fpath); autoload -Uz compinit; compinit -u -D"
settle
# Whatever is added to what a tab offers passes through here.
zpty -w inner "compadd() { local -a hits; builtin compadd -O hits \"\$@\"; print -rl -- \$hits >> ${(q)scratch}; builtin compadd \"\$@\" }"
settle
# Nothing more is typed before a tab has done its work: zsh gives it up for keys that wait.
zpty -w inner 'integer tabs=0; tab() { zle expand-or-complete; print -r -- "tab-$((++tabs))-done" }; zle -N tab; bindkey "^I" tab'
settle
integer tabs=0
for line in "$@"; do
  : > $scratch
  ((++tabs))
  zpty -w -n inner "$line"$'\t'
  zpty -r inner ignored "*tab-$tabs-done*"
  zpty -w -n inner $'\x15'
  settle
  print -rl -- ${(ou)${(f)"$(<$scratch)"}} .
done
zpty -d inner
