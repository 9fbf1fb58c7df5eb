import type { CompletedKeyword } from '../config/complete.ts';
import type { CompletedProgram, FlagValue } from './completion-flags.ts';
import { heading, hostLister } from './completion-hosts.ts';

/** How complete(1) of fish is told what a flag's value is. */
function offers(letter: string, value: FlagValue): string {
  switch (value.is) {
    case 'words':
      return `-x -a '${value.words.join(' ')}'`;
    case 'any':
      return '-x';
    case 'file':
      return '-r -F';
    case 'file, if any':
      return '';
    case 'list':
      return `-x -a '(__tsh_list ${letter} ${value.words.join(' ')})'`;
    case 'hosts':
      return `-x -a '(__tsh_destinations ${letter})'`;
    case 'keyword':
      return `-x -a '(__tsh_keyword)'`;
  }
}

/** The command that prints what can stand behind a keyword. */
function valueCommand(value: FlagValue): string {
  switch (value.is) {
    case 'words':
      return `printf "$before%s\\n" ${value.words.join(' ')}`;
    case 'list':
      return `__tsh_list o ${value.words.join(' ')}`;
    case 'hosts':
      return '__tsh_destinations o';
    case 'any':
    case 'keyword':
    case 'file':
    case 'file, if any':
      return '__tsh_files "$before" $token';
  }
}

function operandRows({ name, values, operands }: CompletedProgram): readonly string[] {
  const optional = Object.keys(values).filter((letter) => values[letter]?.is === 'file, if any');
  const letters = Object.keys(values).filter((letter) => !optional.includes(letter));
  const count = `(__tsh_operands ${[letters, optional]
    .map((list) => list.join(''))
    .join(' ')
    .trim()})`;
  const host = `complete -c ${name} -n 'test ${count} = 0' -x -a '(__tsh_destinations)'`;
  const commandAt = (at: number): readonly string[] => [
    `complete -c ${name} -n 'test ${count} = ${at}' -x -a '(__fish_complete_command)'`,
    `complete -c ${name} -n 'test ${count} -gt ${at}' -F`,
  ];
  switch (operands) {
    case 'host, then a command':
      return [host, ...commandAt(1)];
    case 'host':
      return [host, ...optional.map((letter) => `complete -c ${name} -n '__tsh_behind ${letters.join('')} ${letter}' -F`)];
    case 'command':
      return commandAt(0);
    case 'files':
      return [`complete -c ${name} -F`];
  }
}

function rows(program: CompletedProgram): readonly string[] {
  const { name, flags, values } = program;
  const flagRows = flags.map((flag) => {
    if (flag.includes('=')) return `complete -c ${name} -n 'string match -q -- "--*" (commandline -ct)' -a '${flag}'`;
    if (flag.startsWith('--')) return `complete -c ${name} -l ${flag.slice(2)}`;
    const letter = flag.slice(1);
    const value = values[letter];
    return `complete -c ${name} -s '${letter}'${value === undefined ? '' : ` ${offers(letter, value)}`}`;
  });
  return [`complete -c ${name} -f`, ...flagRows, ...operandRows(program)];
}

/** The script for fish 3. */
export function fishCompletion(programs: readonly CompletedProgram[], keywords: readonly CompletedKeyword[]): string {
  const keywordRows = keywords
    .filter(({ value }) => value.is !== 'any')
    .map(({ name, value }) => `    case ${name.toLowerCase()}\n      ${valueCommand(value)}`);
  return `${heading('fish')}
# The file that -F names.
function __tsh_config
  set -l words (commandline -opc)
  string match -qr -- 'keygen$' $words[1]; and return
  set -l take 0
  for word in $words[2..-1]
    if test $take = 1
      echo $word
      return
    end
    set -l found (string match -r -- '^-[^-F]*F(.*)$' $word); or continue
    if test -n "$found[2]"
      echo $found[2]
      return
    end
    set take 1
  end
end

function __tsh_hosts
  set -l config (__tsh_config)
  awk '${hostLister}' "$config" 2>/dev/null
end

# How many operands stand before the cursor; the letters are those of the flags that take a value, and of those that may.
function __tsh_operands --argument-names letters optional
  set -l count 0
  set -l skip 0
  set -l ended 0
  for word in (commandline -opc)[2..-1]
    test $skip = 2; and string match -q -- '-*' $word; and set skip 0
    if test $skip != 0
      set skip 0
      continue
    end
    if test $ended = 0
      if test "$word" = --
        set ended 1
        continue
      end
      if string match -q -- '-?*' $word
        string match -qr -- "^-([$letters]|[^-$letters][^$letters]*[$letters])\\$" $word; and set skip 1
        test -n "$optional"; and string match -qr -- "^-[^-$letters]*[$optional]\\$" $word; and set skip 2
        continue
      end
    end
    set count (math $count + 1)
  end
  echo $count
end

# Whether the cursor is behind a flag that may take a value.
function __tsh_behind --argument-names letters optional
  string match -qr -- "^-[^-$letters]*[$optional]\\$" (commandline -opc)[-1]
end

# What is written of the value of a flag, apart from the flag or behind it.
function __tsh_token --argument-names letter
  set -l token (commandline -ct)
  test -n "$letter"; and set token (string replace -r -- "^-[^-$letter]*$letter" '' $token)
  string unescape -- $token; or echo $token
end

# Files, behind what stands before them.
function __tsh_files --argument-names before token
  set -l start (string sub -s (math (string length -- "$before") + 1) -- "$token")
  set -l home (string match -r -- '^~/' "$start")
  for file in (__fish_complete_path (string replace -r -- '^~/' "$HOME/" "$start"))
    test -n "$home"; and set file $home(string sub -s (math (string length -- "$HOME/") + 1) -- $file)
    printf '%s\\n' "$before$file"
  end
end

function __tsh_list --argument-names letter
  set -l before (string match -r -- '^(?:.*,|[^=]*=[-+^]?|[-+^])' (__tsh_token $letter))
  printf "$before%s\\n" $argv[2..-1]
end

function __tsh_destinations --argument-names letter
  set -l before (string match -r -- '^.*[@=,]' (__tsh_token $letter))
  for host in (__tsh_hosts)
    echo "$before$host"
  end
end

function __tsh_keyword
  set -l token (__tsh_token o)
  set -l before (string match -r -- '^[^=]*=' $token)
  switch (string lower -- (string replace -- = '' "$before"))
    case ''
      printf '%s=\\n' ${keywords.map(({ name }) => name).join(' ')}
${keywordRows.join('\n')}
  end
end

${programs.flatMap(rows).join('\n')}
`;
}
