import { fileURLToPath } from 'node:url';
import tseslint from 'typescript-eslint';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Tables of data: the only sources that may be longer than a reader can hold in mind. */
const dataTables = ['src/core/crypto/dh-groups.ts', 'src/config/client-keywords.ts', 'src/config/server-keywords.ts', 'src/cli/usage.ts'];

/** What is exported is promised: a sentence before it says what. */
const documentedExports = {
  meta: { type: 'suggestion', schema: [], messages: { missing: 'Exported {{name}} has no doc comment.' } },
  create(context) {
    return {
      ExportNamedDeclaration(node) {
        const { declaration } = node;
        if (declaration === null || declaration === undefined) return;
        if (context.sourceCode.getCommentsBefore(node).some((comment) => comment.type === 'Block' && comment.value.startsWith('*'))) return;
        // The later signatures of an overloaded function share the first one's comment.
        const before = node.parent.body[node.parent.body.indexOf(node) - 1];
        const name = declaration.id?.name ?? declaration.declarations?.[0]?.id?.name;
        if (before?.type === 'ExportNamedDeclaration' && before.declaration?.id?.name === name) return;
        // A type that is read off the table or message of the same name says no more than that.
        if (declaration.type === 'TSTypeAliasDeclaration') return;
        context.report({ node, messageId: 'missing', data: { name: name ?? 'declaration' } });
      },
    };
  },
};

export default tseslint.config(
  { basePath: root, ignores: ['dist/**', 'node_modules/**', '**/*.as.ts', '**/*.wasm.ts'] },
  {
    basePath: root,
    files: ['src/**/*.ts', 'test/**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    plugins: { house: { rules: { 'documented-exports': documentedExports } } },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: root } },
    // A rule that does not fit is changed here, for all, or not at all.
    linterOptions: { noInlineConfig: true },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { prefer: 'type-imports', fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true }],
      // A handler may have nothing to do, and bytes[i] is a number where the loop keeps i inside: `as number` and `!` say so.
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      // void | Promise<void> is "at once or later", void | boolean "false says": both are what a handler may return.
      '@typescript-eslint/no-invalid-void-type': 'off',
      '@typescript-eslint/prefer-promise-reject-errors': 'error',
      // What an interface wants asynchronous may have nothing to wait for, and a caller may name the type of what it gets.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      // It takes what a callback sets meanwhile for constant.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'No default exports.' },
        { selector: 'ExportAllDeclaration', message: 'No barrels but src/index.ts.' },
      ],
      eqeqeq: 'error',
    },
  },
  {
    basePath: root,
    files: ['src/**/*.ts'],
    rules: { 'max-lines': ['error', { max: 400 }], 'house/documented-exports': 'error' },
  },
  { basePath: root, files: ['test/**/*.ts'], rules: { '@typescript-eslint/unbound-method': 'off' } },
  { basePath: root, files: dataTables, rules: { 'max-lines': 'off' } },
  { basePath: root, files: ['src/index.ts', 'test/vitest.config.ts'], rules: { 'no-restricted-syntax': 'off' } },
);
