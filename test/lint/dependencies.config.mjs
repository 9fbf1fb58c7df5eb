// Who may import whom (dependency-cruiser): the floors of the house from the ground up. A file imports its own floor and what its row names.

/** `uses` are folders or files that may be imported, `types` those of which only types may. */
const floors = [
  { floor: 'src/core/util/', uses: [] },
  { floor: 'src/core/wire/', uses: ['src/core/util/'] },
  { floor: 'src/core/crypto/', uses: ['src/core/util/', 'src/core/wire/'] },
  { floor: 'src/core/keys/', uses: ['src/core/util/', 'src/core/wire/', 'src/core/crypto/'] },
  { floor: 'src/core/events.ts', uses: [], types: ['src/core/'] },
  { floor: 'src/core/transport/', uses: ['src/core/util/', 'src/core/wire/', 'src/core/crypto/', 'src/core/keys/'] },
  { floor: 'src/core/auth/', uses: ['src/core/util/', 'src/core/wire/', 'src/core/crypto/', 'src/core/keys/', 'src/core/transport/'] },
  { floor: 'src/core/connection/', uses: ['src/core/util/', 'src/core/wire/', 'src/core/transport/'], types: ['src/core/crypto/'] },
  { floor: 'src/core/agent/', uses: ['src/core/util/', 'src/core/wire/', 'src/core/crypto/', 'src/core/keys/', 'src/core/connection/'] },
  { floor: 'src/core/sftp/', uses: ['src/core/util/', 'src/core/wire/', 'src/core/keys/', 'src/core/connection/'] },
  { floor: 'src/core/mux/', uses: ['src/core/util/', 'src/core/wire/', 'src/core/keys/', 'src/core/connection/'] },
  { floor: 'src/core/scp/', uses: ['src/core/util/', 'src/core/wire/', 'src/core/keys/', 'src/core/connection/', 'src/core/sftp/'] },
  { floor: 'src/config/', uses: ['src/core/util/', 'src/core/crypto/names.ts', 'src/core/keys/', 'src/core/auth/methods.ts'] },
  { floor: 'src/node/', uses: ['src/core/util/', 'src/core/wire/', 'src/core/keys/'], types: ['src/core/'] },
  { floor: 'src/files/', uses: ['src/core/util/', 'src/core/keys/', 'src/config/', 'src/node/'] },
  { floor: 'src/client/', uses: ['src/core/', 'src/config/', 'src/node/', 'src/files/'] },
  { floor: 'src/server/', uses: ['src/core/', 'src/config/', 'src/node/', 'src/files/'] },
  { floor: 'src/cli/', uses: ['src/core/', 'src/config/', 'src/node/', 'src/files/', 'src/client/', 'src/server/'] },
  { floor: 'src/index.ts', uses: ['src/core/'] },
];

/** The vocabulary that every floor may use. */
const everywhere = ['src/core/events.ts', 'src/core/util/clock.ts'];

/** Node's modules that reach out of the process: src/node alone opens files, sockets, terminals and processes. */
const outside =
  'child_process|cluster|dgram|diagnostics_channel|dns|fs|http|http2|https|inspector|net|os|readline|repl|tls|tty|worker_threads';

/** The packages that src may use, and where. */
const packages = [
  { name: '@noble', at: ['src/core/crypto/', 'src/core/keys/'] },
  { name: 'koffi', at: ['src/node/native/'] },
  { name: 'commander', at: ['src/cli/'] },
  { name: 'chalk', at: ['src/client/', 'src/cli/'] },
];

function paths(names) {
  return names.map((name) => `^${name.replaceAll('.', '\\.')}${name.endsWith('/') ? '' : '$'}`);
}

function packagePath(name) {
  return `(^|node_modules/)${name}(/|$)`;
}

const floorRules = floors.flatMap(({ floor, uses, types = [] }) => {
  const from = { path: paths([floor]) };
  const open = paths([floor, ...uses, ...everywhere]);
  return [
    { name: `floor ${floor}`, severity: 'error', from, to: { path: '^src/', pathNot: [...open, ...paths(types)] } },
    ...(types.length === 0
      ? []
      : [
          {
            name: `types only ${floor}`,
            severity: 'error',
            from,
            to: { path: paths(types), pathNot: open, dependencyTypesNot: ['type-only'] },
          },
        ]),
  ];
});

const packageRules = packages.map(({ name, at }) => ({
  name: `package ${name}`,
  severity: 'error',
  from: { path: '^src/', pathNot: paths(at) },
  to: { path: packagePath(name) },
}));

export default {
  forbidden: [
    ...floorRules,
    ...packageRules,
    { name: 'file on a floor', severity: 'error', from: {}, to: { path: '^src/', pathNot: paths(floors.map(({ floor }) => floor)) } },
    { name: 'no cycle', severity: 'error', from: {}, to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } } },
    {
      name: 'can be resolved',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: packages.map(({ name }) => packagePath(name)) },
    },
    {
      name: 'node modules in core',
      severity: 'error',
      from: { path: '^src/core/', pathNot: ['^src/core/(crypto|keys)/', '^src/core/transport/compression\\.ts$'] },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'node:crypto alone',
      severity: 'error',
      from: { path: '^src/core/(crypto|keys)/' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?crypto$' },
    },
    {
      name: 'node:zlib alone',
      severity: 'error',
      from: { path: '^src/core/transport/compression\\.ts$' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?zlib$' },
    },
    {
      name: 'outside of the process',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/node/' },
      to: { dependencyTypes: ['core'], path: `^(node:)?(${outside})(/|$)` },
    },
    {
      name: 'named packages',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm', 'npm-dev', 'npm-no-pkg', 'npm-unknown'], pathNot: packages.map(({ name }) => packagePath(name)) },
    },
    { name: 'tests stay outside', severity: 'error', from: { path: '^src/' }, to: { path: '^(test|bin|dist)/' } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '\\.as\\.ts$' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { extensions: ['.ts', '.js'] },
  },
};
