import type { CompletedKeyword } from '../config/complete.ts';
import type { CompletedProgram, FlagValue } from './completion-flags.ts';
import { heading, hostLister } from './completion-hosts.ts';

/** The command that offers what a value can be, `$1` being what there is of it. */
function offers(value: FlagValue): string {
  switch (value.is) {
    case 'words':
      return `__tsh_offer "$1" ${value.words.join(' ')}`;
    case 'list':
      return `__tsh_offer_list "$1" ${value.words.join(' ')}`;
    case 'file':
      return '__tsh_offer_files "$1"';
    case 'file, if any':
      return '__tsh_offer_files "$1"; __tsh_operand "$1"';
    case 'hosts':
      return '__tsh_offer_hosts "$1"';
    case 'keyword':
      return '__tsh_offer_keyword "$1"';
    case 'any':
      return ':';
  }
}

const operands: Readonly<Record<CompletedProgram['operands'], string>> = {
  'host, then a command':
    'if ((count == 0)); then __tsh_offer_hosts "$1"; elif ((count == 1)); then __tsh_offer_commands "$1"; else __tsh_offer_files "$1"; fi',
  host: '((count == 0)) && __tsh_offer_hosts "$1"',
  command: 'if ((count == 0)); then __tsh_offer_commands "$1"; else __tsh_offer_files "$1"; fi',
  files: '__tsh_offer_files "$1"',
};

/** The script for bash 3.2 and newer. */
export function bashCompletion(programs: readonly CompletedProgram[], keywords: readonly CompletedKeyword[]): string {
  const flagRows = programs.map(({ name, flags }) => `    ${name}) __tsh_offer "$1" ${flags.map((flag) => `'${flag}'`).join(' ')} ;;`);
  const letterRows = programs.map(({ name, values }) => `    ${name}) letters=${Object.keys(values).join('')} ;;`);
  const valueRows = programs.flatMap(({ name, values }) =>
    Object.entries(values).map(([letter, value]) => `    ${name}:${letter}) ${offers(value)} ;;`),
  );
  const optional = programs.flatMap(({ name, values }) =>
    Object.entries(values).flatMap(([letter, { is }]) => (is === 'file, if any' ? [`${name}:${letter}`] : [])),
  );
  const operandRows = programs.map(({ name, operands: what }) => `    ${name}) ${operands[what]} ;;`);
  const keywordRows = keywords
    .filter(({ value }) => value.is !== 'any')
    .map(({ name, value }) => `    ${name.toLowerCase()}) ${offers(value)} ;;`);
  return `${heading('bash')}
__tsh_flags() {
  case $program in
${flagRows.join('\n')}
  esac
}

__tsh_letters() {
  case $program in
${letterRows.join('\n')}
  esac
}

__tsh_value() {
  case $program:$letter in
${valueRows.join('\n')}
  esac
}

# A flag stands where a value may be left out.
__tsh_left_out() {
  case $1:$program:$letter in
${optional.map((flag) => `    -*:${flag}) return 0 ;;`).join('\n')}
  esac
  return 1
}

__tsh_operand() {
  case $program in
${operandRows.join('\n')}
  esac
}

__tsh_keyword_value() {
  case $keyword in
${keywordRows.join('\n')}
  esac
}

__tsh_keywords='${keywords.map(({ name }) => name).join(' ')}'

# The name that -F gives is still quoted.
__tsh_hosts() {
  local file=\${config//[\\\\\\"\\']/}
  awk '${hostLister}' "$file" 2>/dev/null
}

# Each adds to COMPREPLY what begins as the word that is being written does: \${before}WORD.
__tsh_offer() {
  local start=$1 word
  shift
  for word; do
    [[ $word == "$start"* ]] && COMPREPLY+=("$before$word")
  done
  return 0
}

__tsh_offer_list() {
  local start=$1
  shift
  case $start in
    *,*) before+=\${start%,*}, start=\${start##*,} ;;
    [-+^]*) before+=\${start:0:1} start=\${start:1} ;;
  esac
  stay=1
  __tsh_offer "$start" "$@"
}

__tsh_offer_hosts() {
  local start=$1 host
  case $start in
    *[@,]*) before+=\${start%"\${start##*[@,]}"} start=\${start##*[@,]} ;;
  esac
  while IFS= read -r host; do
    __tsh_offer "$start" "$host"
  done < <(__tsh_hosts)
}

__tsh_offer_files() {
  local file
  files=1
  while IFS= read -r file; do
    COMPREPLY+=("$before$file")
  done < <(compgen -f -- "$1")
}

__tsh_offer_commands() {
  local word
  while IFS= read -r word; do
    COMPREPLY+=("$before$word")
  done < <(compgen -c -- "$1")
}

__tsh_offer_keyword() {
  local keyword
  case $1 in
    *=*)
      keyword=$(printf %s "\${1%%=*}" | tr '[:upper:]' '[:lower:]')
      before+=\${1%%=*}=
      __tsh_keyword_value "\${1#*=}"
      ;;
    *)
      local matches
      matches=$(shopt -p nocasematch)
      shopt -s nocasematch
      stay=1
      for keyword in $__tsh_keywords; do
        [[ $keyword == "$1"* ]] && COMPREPLY+=("$before$keyword=")
      done
      $matches
      ;;
  esac
}

# Bash takes words apart at = : and @. These are the words up to the cursor as they were written.
__tsh_read_words() {
  local line=\${COMP_LINE:0:COMP_POINT} rest word i
  words=()
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    rest=\${line#"\${line%%[![:space:]]*}"}
    ((i == COMP_CWORD)) && word=$rest
    if [[ $rest != "$line" || \${#words[@]} == 0 ]]; then words+=("$word"); else words[\${#words[@]} - 1]+=$word; fi
    line=\${rest#"$word"}
  done
}

__tsh() {
  local program=\${1##*/} words letters letter= config= before= stay= files= count=0 ended= word attached i
  COMPREPLY=()
  __tsh_read_words
  __tsh_letters
  local last=$((\${#words[@]} - 1))
  for ((i = 1; i < last; i++)); do
    word=\${words[i]}
    __tsh_left_out "$word" && letter=
    if [[ $letter ]]; then
      [[ $letter == F && $program != tsh-keygen ]] && config=$word
      letter=
    elif [[ $ended || $word != -?* ]]; then count=$((count + 1))
    elif [[ $word == -- ]]; then ended=1
    elif [[ $word =~ ^-[^-$letters][^$letters]*[$letters]$ || $word =~ ^-[$letters]$ ]]; then letter=\${word#"\${word%?}"}
    elif [[ $word =~ ^-([^-$letters][^$letters]*)?F(.+)$ ]]; then config=\${BASH_REMATCH[2]}
    fi
    # only ssh takes flags behind its first operand
    if ((count > 1)) || [[ $count == 1 && $program != tsh ]]; then ended=1; fi
  done
  word=\${words[last]}
  __tsh_left_out "$word" && letter=
  if [[ $letter ]]; then __tsh_value "$word"
  elif [[ ! $ended && $word =~ ^-([^-$letters][^$letters]*)?([$letters])(.+)$ ]]; then
    letter=\${BASH_REMATCH[2]} attached=\${BASH_REMATCH[3]}
    before=\${word%"$attached"}
    __tsh_value "$attached"
  elif [[ ! $ended && $word == -* ]]; then __tsh_flags "$word"
  else __tsh_operand "$word"
  fi
  # only what follows the last = or : is replaced, or what the last @ begins
  local piece=$word breaks=\${COMP_WORDBREAKS//[^=:@]/}
  [[ $breaks ]] && piece=\${word##*[$breaks]}
  [[ \${word%"$piece"} == *@ ]] && piece=@$piece
  before=\${word%"$piece"}
  for i in "\${!COMPREPLY[@]}"; do COMPREPLY[i]=\${COMPREPLY[i]#"$before"}; done
  if [[ $files ]]; then compopt -o filenames 2>/dev/null; fi
  if [[ $stay ]]; then compopt -o nospace 2>/dev/null; fi
  return 0
}

complete -F __tsh ${programs.map(({ name }) => name).join(' ')}
`;
}
