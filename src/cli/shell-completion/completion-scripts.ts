export const SHELLS = ['bash', 'zsh', 'fish', 'nu'] as const

export type Shell = (typeof SHELLS)[number]

export interface CompletionCommand {
  readonly name: string
  readonly summary: string
  readonly options: readonly CompletionOption[]
  /** The values of its argument, when these are a fixed set; empty otherwise. */
  readonly choices: readonly string[]
}

export interface CompletionOption {
  readonly long: string
  readonly short: string | undefined
  readonly summary: string
  /** The kind of value that follows it; `undefined` for a flag. */
  readonly valueKind: 'model' | 'file' | 'text' | undefined
}

type Script = (commands: readonly CompletionCommand[], globals: readonly CompletionOption[]) => string

/** The command that lists the names of models; silent when no broker is running. */
const MODELS = 'hero_aibroker models --quiet 2>/dev/null'

/** One script per shell that completes commands, options, and names of models, which it gets from the broker. */
export const completionScripts: Readonly<Record<Shell, Script>> = { bash, zsh, fish, nu }

function bash(commands: readonly CompletionCommand[], globals: readonly CompletionOption[]): string {
  const names = commands.map(({ name }) => name)
  const cases = commands.map(
    (command) =>
      `    ${command.name}) words="${[...command.choices, ...longs(command.options)].join(' ')}" ;;`,
  )
  return `_hero_aibroker() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" command= words= one
  for one in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$one" in ${names.join('|')}) command="$one"; break ;; esac
  done
  case "$before" in
    -m|--model)
      # Not compgen: it would run a command substitution inside a model's name.
      COMPREPLY=()
      while IFS= read -r one; do [[ $one == "$word"* ]] && COMPREPLY+=("$one"); done < <(${MODELS})
      return ;;
    --socket) COMPREPLY=($(compgen -f -- "$word")); return ;;
  esac
  case "$command" in
${cases.join('\n')}
    *) words="${names.join(' ')}" ;;
  esac
  COMPREPLY=($(compgen -W "$words ${longs(globals).join(' ')} --help" -- "$word"))
}
complete -o bashdefault -F _hero_aibroker hero_aibroker`
}

function zsh(commands: readonly CompletionCommand[], globals: readonly CompletionOption[]): string {
  const described = commands.map(({ name, summary }) => `    ${quote(`${name}:${summary}`)}`)
  const cases = commands.map(({ name, options, choices }) => {
    const values = choices.length === 0 ? [] : [quote(`1:argument:(${choices.join(' ')})`)]
    return `        ${name}) _arguments $globals ${[...options.map(zshOption), ...values].join(' ')} ;;`
  })
  return `#compdef hero_aibroker
_hero_aibroker_models() { compadd -- \${(f)"$(${MODELS})"} }
_hero_aibroker() {
  local -a commands globals
  local state
  commands=(
${described.join('\n')}
  )
  globals=(${globals.map(zshOption).join(' ')})
  _arguments -C $globals '1: :->command' '*:: :->rest'
  case $state in
    command) _describe command commands ;;
    rest)
      case $words[1] in
${cases.join('\n')}
      esac ;;
  esac
}
if [ "$funcstack[1]" = "_hero_aibroker" ]; then _hero_aibroker "$@"; else compdef _hero_aibroker hero_aibroker; fi`
}

function zshOption({ long, summary, valueKind }: CompletionOption): string {
  const values = { model: ':model:_hero_aibroker_models', file: ':file:_files', text: ':text:' }
  return quote(
    `${long}[${summary.replaceAll(/[[\]:]/g, '')}]${valueKind === undefined ? '' : values[valueKind]}`,
  )
}

function fish(commands: readonly CompletionCommand[], globals: readonly CompletionOption[]): string {
  const line = (...parts: readonly string[]) =>
    ['complete -c hero_aibroker', ...parts].filter(Boolean).join(' ')
  return [
    line('-f'),
    ...globals.map((option) => line(fishOption(option))),
    ...commands.flatMap(({ name, summary, options, choices }) => {
      const within = `-n '__fish_seen_subcommand_from ${name}'`
      return [
        line("-n '__fish_use_subcommand'", `-a ${name}`, `-d ${quote(summary)}`),
        ...options.map((option) => line(within, fishOption(option))),
        ...(choices.length === 0 ? [] : [line(within, `-a '${choices.join(' ')}'`)]),
      ]
    }),
  ].join('\n')
}

function fishOption({ long, short, summary, valueKind }: CompletionOption): string {
  const values = { model: `-x -a '(${MODELS})'`, file: '-r -F', text: '-x' }
  return [
    `-l ${long.slice(2)}`,
    short === undefined ? '' : `-s ${short.slice(1)}`,
    valueKind === undefined ? '' : values[valueKind],
    `-d ${quote(summary)}`,
  ]
    .filter(Boolean)
    .join(' ')
}

function nu(commands: readonly CompletionCommand[], globals: readonly CompletionOption[]): string {
  return [
    'def "nu-complete hero_aibroker models" [] { ^hero_aibroker models --quiet | lines }',
    ...commands
      .filter(({ choices }) => choices.length > 0)
      .map(({ name, choices }) => `def "nu-complete hero_aibroker ${name}" [] { [${choices.join(' ')}] }`),
    nuExtern('hero_aibroker', globals, []),
    ...commands.map(({ name, options, choices }) =>
      nuExtern(`hero_aibroker ${name}`, [...options, ...globals], choices.length === 0 ? [] : [name]),
    ),
  ].join('\n')
}

function nuExtern(name: string, options: readonly CompletionOption[], choosers: readonly string[]): string {
  const values = { model: ': string@"nu-complete hero_aibroker models"', file: ': path', text: ': string' }
  const lines = [
    ...choosers.map((chooser) => `  argument?: string@"nu-complete hero_aibroker ${chooser}"`),
    ...(choosers.length === 0 ? ['  ...words: string'] : []),
    ...options.map(({ long, short, summary, valueKind }) => {
      const flag = short === undefined ? long : `${long}(${short})`
      return `  ${flag}${valueKind === undefined ? '' : values[valueKind]}  # ${summary}`
    }),
  ]
  return `export extern "${name}" [\n${lines.join('\n')}\n]`
}

function longs(options: readonly CompletionOption[]): string[] {
  return options.map(({ long }) => long)
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}
