import tseslint from 'typescript-eslint';

// The layers of broker/src, from the bottom up. A file may import from its own directory and from lower layers only.
const layers = [
  ['io', 'logging'],
  ['protocol'],
  ['records', 'config', 'metrics'],
  ['log', 'zookeeper', 'network'],
  ['replication', 'security'],
  ['groups', 'transactions', 'controller'],
  ['server'],
  ['testing'],
  ['cli'],
];

function allowedBelow(layer) {
  return layers.slice(0, layer).flat();
}

const all = layers.flat();

const layering = layers.flatMap((dirs, layer) =>
  dirs.flatMap((dir) => {
    const above = all.filter((other) => other !== dir && !allowedBelow(layer).includes(other));
    const patterns = [
      ...(above.length > 0
        ? [
            {
              group: above.flatMap((other) => [`**/${other}/*`, `**/${other}/**`]),
              message: `An import points down: ${dir}/ may take only from ${[...allowedBelow(layer), dir].join(', ')}.`,
            },
          ]
        : []),
      ...(dir === 'io' || dir === 'cli' ? [] : outsideModules()),
    ];
    if (patterns.length === 0) return [];
    return [{ files: [`broker/src/${dir}/**/*.ts`], rules: { 'no-restricted-imports': ['error', { patterns }] } }];
  }),
);

// Only io/ and the command line touch the machine: everything else is given a Clock, Random, Files and Network.
function outsideModules() {
  const modules = [
    'fs',
    'fs/promises',
    'net',
    'tls',
    'dns',
    'dns/promises',
    'worker_threads',
    'child_process',
    'timers',
    'timers/promises',
    'os',
  ];
  return [
    {
      group: modules.flatMap((name) => [name, `node:${name}`]),
      message: 'Take it from Io (broker/src/io): it is the only door to the outside.',
    },
    {
      group: ['crypto', 'node:crypto'],
      importNames: [
        'randomBytes',
        'randomUUID',
        'randomInt',
        'randomFill',
        'randomFillSync',
        'getRandomValues',
        'webcrypto',
      ],
      message: 'Take randomness from Io.random.',
    },
  ];
}

export default tseslint.config(
  { ignores: ['**/build/**', '**/node_modules/**', 'dist/**', '**/*.js', '**/*.mjs'] },
  ...tseslint.configs.recommended,
  {
    languageOptions: { parserOptions: { project: './tsconfig.json' } },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      eqeqeq: 'error',
    },
  },
  ...layering,
  {
    files: ['broker/src/**/*.ts'],
    ignores: ['broker/src/io/**', 'broker/src/cli/**'],
    rules: {
      'no-restricted-globals': [
        'error',
        'setTimeout',
        'setInterval',
        'setImmediate',
        'clearTimeout',
        'clearInterval',
        'performance',
        'fetch',
        'crypto',
      ].map((rule) =>
        typeof rule === 'string' && rule !== 'error'
          ? { name: rule, message: 'Take it from Io (broker/src/io).' }
          : rule,
      ),
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'Use io.clock.' },
        { object: 'Math', property: 'random', message: 'Use io.random.' },
        { object: 'process', property: 'hrtime', message: 'Use io.clock.' },
        { object: 'process', property: 'exit', message: 'Only the command line ends the process.' },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: 'Use io.clock.' },
      ],
    },
  },
  {
    files: ['lib/**/*.ts', 'main.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: [
                '**/broker/src/**',
                '!**/broker/src/config',
                '!**/broker/src/config/**',
                '@odradek/broker',
                '@odradek/broker/**',
              ],
              message: 'lib/ takes from the broker only broker/src/config.',
            },
          ],
        },
      ],
    },
  },
);
