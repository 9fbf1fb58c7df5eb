import { SshError } from './errors.ts';

/** What each `%` letter stands for. */
export type Tokens = Readonly<Record<string, string>>;

/** The value of an environment variable, or undefined where it is not set. */
export type Environment = (name: string) => string | undefined;

/**
 * Replaces `%x` by the token of that letter and `%%` by a percent sign, in one pass: what a token stands for is never looked at again.
 *
 * @throws SshError SSH_ERR_INVALID_ARGUMENT for a letter that is no token here.
 */
export function expandTokens(text: string, tokens: Tokens): string {
  return expand(text, tokens, undefined);
}

/**
 * Replaces `${NAME}` by the environment's value, in one pass.
 *
 * @throws SshError SSH_ERR_INVALID_ARGUMENT for a variable that is not set, that has no name or no closing brace.
 */
export function expandEnvironment(text: string, environment: Environment): string {
  return expand(text, undefined, environment);
}

/**
 * Replaces both `%x` and `${NAME}`, in one pass.
 *
 * @throws SshError as {@link expandTokens} and {@link expandEnvironment}.
 */
export function expandBoth(text: string, tokens: Tokens, environment: Environment): string {
  return expand(text, tokens, environment);
}

function expand(text: string, tokens: Tokens | undefined, environment: Environment | undefined): string {
  let expanded = '';
  for (let at = 0; at < text.length; at++) {
    const character = text[at] as string;
    if (environment !== undefined && character === '$' && text[at + 1] === '{') {
      const end = text.indexOf('}', at + 2);
      if (end < 0) throw unknown(`environment variable '${text.slice(at + 2)}' missing closing '}'`);
      expanded += variable(text.slice(at + 2, end), environment);
      at = end;
    } else if (tokens !== undefined && character === '%') {
      at++;
      expanded += text[at] === '%' ? '%' : token(text[at], tokens);
    } else {
      expanded += character;
    }
  }
  return expanded;
}

function variable(name: string, environment: Environment): string {
  if (name === '') throw unknown('zero-length environment variable');
  const value = environment(name);
  if (value === undefined) throw unknown(`env var \${${name}} has no value`);
  return value;
}

function token(letter: string | undefined, tokens: Tokens): string {
  if (letter === undefined) throw unknown('invalid format');
  const value = Object.hasOwn(tokens, letter) ? tokens[letter] : undefined;
  if (value === undefined) throw unknown(`unknown key %${letter}`);
  return value;
}

function unknown(detail: string): SshError {
  return new SshError('SSH_ERR_INVALID_ARGUMENT', detail);
}
