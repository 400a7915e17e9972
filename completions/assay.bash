# bash completion for assay

_assay() {
    local cur prev words cword command i db
    if declare -F _init_completion >/dev/null; then
        _init_completion || return
    else
        COMPREPLY=()
        words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
        cur=${words[cword]} prev=${words[cword - 1]}
    fi

    if [ "$cword" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "sample import table resample check indicators strategies run optimize walkforward verify runs show report audit reproduce sql help --help --version" -- "$cur")
        return
    fi
    command=${words[1]}
    db=${ASSAY_DB:-db}
    for ((i = 2; i < cword; i++)); do
        if [ "${words[i]}" = --db ]; then db=${words[i + 1]}; fi
    done

    case $prev in
    --db) mapfile -t COMPREPLY < <(compgen -d -- "$cur") && return ;;
    --config | --holdings) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
    --format)
        if [ "$command" = strategies ] || [ "$command" = verify ]; then
            mapfile -t COMPREPLY < <(compgen -W "text json" -- "$cur")
        else
            mapfile -t COMPREPLY < <(compgen -W "text json csv" -- "$cur")
        fi
        return
        ;;
    --partition) mapfile -t COMPREPLY < <(compgen -W "keep year month day none" -- "$cur") && return ;;
    --on-bad-data) mapfile -t COMPREPLY < <(compgen -W "error drop keep" -- "$cur") && return ;;
    --outside | --partial) mapfile -t COMPREPLY < <(compgen -W "drop keep" -- "$cur") && return ;;
    --label) mapfile -t COMPREPLY < <(compgen -W "start end" -- "$cur") && return ;;
    --sample) mapfile -t COMPREPLY < <(compgen -W "grid random: sobol:" -- "$cur") && return ;;
    --positions) mapfile -t COMPREPLY < <(compgen -W "flatten carry" -- "$cur") && return ;;
    --keep) mapfile -t COMPREPLY < <(compgen -W "best:10 none" -- "$cur") && return ;;
    --sweep | --report) mapfile -t COMPREPLY < <(compgen -W "$(_assay_sweeps "$db")" -- "$cur") && return ;;
    --set | --axis)
        mapfile -t COMPREPLY < <(compgen -S = -W "$(_assay_keys "${words[@]:2}")" -- "$cur")
        compopt -o nospace 2>/dev/null
        return
        ;;
    --symbols | --days | --years | --seed | --start | --end | --run-id | --threads | --frequency | --resample | --session | --early-closes | --currency | --objective | --where | --column | --cuts | --shard | --sweep-id | --train | --test | --step | --purge | --embargo) return ;;
    esac

    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_assay_options "$command")" -- "$cur")
        return
    fi
    case $command in
    run | optimize | walkforward | verify | strategies) mapfile -t COMPREPLY < <(compgen -f -W "$(_assay_strategies)" -- "$cur") ;;
    show | report | audit | reproduce) mapfile -t COMPREPLY < <(compgen -W "$(_assay_runs "$db")" -- "$cur") ;;
    table) mapfile -t COMPREPLY < <(compgen -f -W "universe delistings symbol_changes corporate_actions" -- "$cur") ;;
    import) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    help) mapfile -t COMPREPLY < <(compgen -W "sample import table resample check indicators strategies run optimize walkforward verify runs show report audit reproduce sql" -- "$cur") ;;
    esac
}

_assay_options() {
    case $1 in
    sample) echo "--db --symbols --days --years --seed --start --frequency --clean --quiet --help" ;;
    import) echo "--db --frequency --currency --partition --on-bad-data --date-format --time-zone --decimal --delimiter --encoding --columns --layout --symbol --format --dry-run --quiet --help" ;;
    table) echo "--db --dry-run --quiet --help" ;;
    resample) echo "--db --symbols --frequency --session --early-closes --outside --label --partial --threads --quiet --help" ;;
    indicators) echo "--db --symbols --column --start --end --frequency --threads --quiet --help" ;;
    strategies) echo "--settings --format --db --help" ;;
    run) echo "--each --db --symbols --holdings --start --end --set --config --format --run-id --threads --memory --block-bars --frequency --resample --no-store --quiet --help" ;;
    optimize) echo "--axis --sample --objective --where --keep --halving --shard --sweep-id --restart --report --db --symbols --holdings --start --end --set --config --format --threads --memory --block-bars --frequency --resample --no-store --quiet --help" ;;
    walkforward) echo "--axis --sample --train --test --step --anchored --purge --embargo --positions --objective --where --db --symbols --holdings --start --end --set --config --format --run-id --threads --memory --block-bars --frequency --resample --no-store --quiet --help" ;;
    verify) echo "--axis --sample --train --test --step --anchored --purge --embargo --positions --objective --where --cuts --seed --db --symbols --holdings --start --end --set --config --format --threads --memory --block-bars --frequency --resample --quiet --help" ;;
    check) echo "--db --symbols --start --end --frequency --kinds --threshold --on-bad-data --strict --fix --fix-kinds --dry-run --limit --list --format --threads --quiet --help" ;;
    runs) echo "--db --sweep --format --help" ;;
    show) echo "--db --format --conventions --help" ;;
        report) echo "--db --out --format --all --factors --verify --threads --quiet --help" ;;
        sql) echo "--db --format --help" ;;
    audit) echo "--db --all --help" ;;
    reproduce) echo "--db --threads --quiet --help" ;;
    help) echo "--help" ;;
    esac
}

_assay_strategies() {
    assay strategies 2>/dev/null | sed -n 's/^\([a-z_]\{1,\}\)  .*/\1/p'
    echo rule: plugin: signals:
}

# The parameters of the strategies (the words before the first option) and the settings of the engine.
_assay_keys() {
    local names=()
    while [ $# -gt 0 ] && [[ $1 != -* ]]; do names+=("$1") && shift; done
    { assay strategies "${names[@]}"; assay strategies --settings; } 2>/dev/null |
        sed -n 's/^  \([A-Za-z0-9_.#]\{1,\}\) .*(.*)$/\1/p'
}

_assay_sweeps() { assay sql 'SELECT DISTINCT sweep_id FROM backtest_sweeps' --db "$1" --format csv 2>/dev/null | tail -n +2; }

_assay_runs() { assay sql 'SELECT run_id FROM backtest_runs WHERE sweep_id IS NULL OR warnings IS NOT NULL' --db "$1" --format csv 2>/dev/null | tail -n +2; }

complete -F _assay assay
