import type { CompletedKeyword } from '../config/complete.ts';
import type { CompletedProgram, FlagValue } from './completion-flags.ts';
import { heading, hostLister } from './completion-hosts.ts';

/** What offers a value, as _arguments takes it behind the message. A space in front keeps it from handing on flags of its own. */
function action(value: FlagValue): string {
  switch (value.is) {
    case 'words':
      return `(${value.words.join(' ')})`;
    case 'any':
      return ' ';
    case 'file':
    case 'file, if any':
      return '_files';
    case 'list':
      return ` _tsh_list ${value.words.join(' ')}`;
    case 'hosts':
      return ' _tsh_destination';
    case 'keyword':
      return ' _tsh_keyword';
  }
}

/** The same as a command. */
function command(value: FlagValue): string {
  return value.is === 'words' ? `compadd -- ${value.words.join(' ')}` : action(value).trim();
}

const operands: Readonly<Record<CompletedProgram['operands'], string>> = {
  'host, then a command': "-s -S : '1:host: _tsh_destination' '(-)*:::command:_normal'",
  host: "-s -S -A '-*' : '1:host: _tsh_destination'",
  command: "-s -S -A '-*' : '*:::command:_normal'",
  files: "-s -S -A '-*' : '*:file:_files'",
};

function row({ name, flags, values, operands: what }: CompletedProgram): string {
  const specs = flags.map((flag) => {
    const value = flag.length === 2 ? values[flag.slice(1)] : undefined;
    return value === undefined ? `'*${flag}'` : `'*${flag}${value.is === 'file, if any' ? ':' : '+'}:value:${action(value)}'`;
  });
  return `    ${name}) _arguments ${operands[what]} \\\n      ${specs.join(' ')} ;;`;
}

/** The script for zsh, to be read by it or to be a file _tsh in its function path. */
export function zshCompletion(programs: readonly CompletedProgram[], keywords: readonly CompletedKeyword[]): string {
  const names = programs.map(({ name }) => name).join(' ');
  const keywordRows = keywords
    .filter(({ value }) => value.is !== 'any')
    .map(({ name, value }) => `      ${name.toLowerCase()}) ${command(value)} ;;`);
  return `#compdef ${names}
${heading('zsh')}
__tsh_hosts() {
  awk '${hostLister}' "$1" 2>/dev/null
}

_tsh_destination() {
  local -a hosts
  local config=
  # as it was written, with its backslashes doubled
  [[ $service == tsh-keygen ]] || config=\${(Q)\${(Q)opt_args[-F]-}}
  hosts=(\${(f)"$(__tsh_hosts "$config")"})
  compset -P '*[@,]'
  compadd -a hosts
}

_tsh_list() {
  compset -P '*,' || compset -P '[-+^]'
  compadd -S '' -- "$@"
}

_tsh_keyword() {
  local before=$IPREFIX
  if compset -P 1 '*='; then
    case \${(L)\${IPREFIX#$before}%=} in
${keywordRows.join('\n')}
      *) return 1 ;;
    esac
  else
    compadd -S '=' -M 'm:{a-zA-Z}={A-Za-z}' -- ${keywords.map(({ name }) => name).join(' ')}
  fi
}

_tsh() {
  local curcontext=$curcontext state line
  typeset -A opt_args
  case $service in
${programs.map(row).join('\n')}
  esac
}

if [[ $funcstack[1] == _tsh ]]; then _tsh "$@"; else compdef _tsh ${names}; fi
`;
}
