# SPDX-License-Identifier: Apache-2.0
# Completion of heapprof(1) for bash.
_heapprof() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} i
  local commands='run dump threads memory watch check top tree peek folded list flame convert export diff growth lifetimes merge symbolize info push agent'
  local view='--type --focus --ignore --hide --show --prune-from --unfold --tag --max-size --json --no-symbolize --debug-path --no-debuginfod'
  local several='--keep-duplicates'
  local names='--by --long --mangled'
  local run='--interval --output --exit-dump --cpu --wall --max-frames --dump-signal --children --option --library --no-symbolize --quiet --verbose'
  local agent='--to --interval --profiles --cpu-seconds --match --pid --label --no-signals --scan --listen --spool --spool-size --spool-hours --debug-path --debuginfod --tenant --token-file --ca-file --header --rounds --verbose'
  local options command=${COMP_WORDS[1]}
  COMPREPLY=()
  if [ "$COMP_CWORD" = 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W "$commands help --help --version" -- "$word")
    return
  fi
  if [ "$command" = help ]; then
    mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word")
    return
  fi
  # What follows "--" is a program and its arguments.
  for ((i = 2; i < COMP_CWORD; i++)); do
    if [ "${COMP_WORDS[i]}" = -- ]; then
      if [ "$i" = $((COMP_CWORD - 1)) ]; then
        mapfile -t COMPREPLY < <(compgen -c -- "$word")
      else
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
      fi
      return
    fi
  done
  # bash makes three words of --by=line.
  if [ "$word" = = ]; then
    word=
  elif [ "$before" = = ]; then
    before=${COMP_WORDS[COMP_CWORD-2]}
  fi
  case $before in
    --type)
      mapfile -t COMPREPLY < <(compgen -W 'inuse_space inuse_objects alloc_space alloc_objects samples cpu wall' -- "$word")
      return ;;
    --by)
      mapfile -t COMPREPLY < <(compgen -W 'function name line file module type' -- "$word")
      return ;;
    --color)
      mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$word")
      return ;;
    --profiles)
      mapfile -t COMPREPLY < <(compgen -W 'heap cpu block mutex' -- "$word")
      return ;;
    --pid)
      mapfile -t COMPREPLY < <(compgen -W "$(command ps -eo pid= 2> /dev/null)" -- "$word")
      return ;;
    --sort)
      mapfile -t COMPREPLY < <(compgen -W 'growth live allocated' -- "$word")
      return ;;
    --children)
      mapfile -t COMPREPLY < <(compgen -W 'all no' -- "$word")
      return ;;
    --signal | --dump-signal)
      mapfile -t COMPREPLY < <(compgen -A signal -- "$word")
      return ;;
    --to)
      [ "$command" = agent ] && return
      mapfile -t COMPREPLY < <(compgen -W 'speedscope folded pprof heapprofile chrome' -- "$word")
      return ;;
    --debug-path | --source-root | --spool)
      mapfile -t COMPREPLY < <(compgen -d -- "$word")
      return ;;
    --ca-file | --diff | --library | --log | --output | -o | --suppressions | --token-file)
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      return ;;
    --context | --cpu | --wall | --exitcode | --fail-on-growth | --focus | --ignore | --interval | --limit | --max-frames | --max-size | --min-percent | \
      --callers | --cluster | --database | --header | --kind | --label | --option | --source-link | --source-map | --tag | --tenant | --timeout | --token-env | --window | \
      --cpu-seconds | --listen | --match | --rounds | --scan | --spool-hours | --spool-size)
      [[ $word == -* || ($before == --cpu || $before == --wall || $before == --fail-on-growth) && ${COMP_WORDS[COMP_CWORD-1]} != = ]] || return ;;
  esac
  case $command in
    run) options=$run ;;
    dump) options='--profile --timeout --output --signal --force' ;;
    threads) options='--group --json --keep --timeout --no-symbolize --debug-path --no-debuginfod --max-size' ;;
    memory) options='--json --limit --unfold --keep --timeout --no-symbolize --debug-path --no-debuginfod --max-size' ;;
    watch) options='--interval --window --sort --timeout --no-symbolize --debug-path --no-debuginfod --max-size' ;;
    check) options='--suppressions --live --log --exitcode --output --children --library' ;;
    top) options="$view $several $names --color --limit --cum" ;;
    tree) options="$view $several $names --color --limit --min-percent" ;;
    peek) options="$view $several $names --color --limit" ;;
    folded) options="$view $several $names --limit" ;;
    list) options="$view $several --color --source-root --source-map --context --limit" ;;
    flame) options="${view/ --json/} $several --sum --output --diff --source-root --source-map --embed-source --source-link" ;;
    convert) options="${view/ --json/} $several --to --output" ;;
    export) options='--clickhouse --output --label --profile --delta --schema --database --cluster --max-size --no-symbolize --debug-path --no-debuginfod' ;;
    diff) options="$view $several --by --color --limit --cum --fail-on-growth" ;;
    growth) options="$view --by --color --limit --fail-on-growth" ;;
    lifetimes) options="$view --by --color --limit --callers --keep --timeout" ;;
    merge) options="$several --output --max-size --symbolize --debug-path --no-debuginfod" ;;
    symbolize) options='--output --debug-path --no-debuginfod --quiet --max-size' ;;
    info) options='--limit --max-size' ;;
    agent) options=$agent ;;
    push) options='--label --kind --spool --retry-uncertain --retry-refused --timeout --tenant --token-file --token-env --header --ca-file --no-symbolize --debug-path --no-debuginfod --max-size' ;;
  esac
  if [[ $command = dump || $command = threads || $command = memory || $command = watch ]] && [[ $word != -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(command ps -eo pid= 2> /dev/null)" -- "$word")
  elif [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options --help" -- "$word")
  elif [ "$command" = agent ]; then
    return
  elif [ "$command" = run ] || [ "$command" = check ]; then
    mapfile -t COMPREPLY < <(compgen -c -- "$word")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  fi
}
complete -o filenames -F _heapprof heapprof
