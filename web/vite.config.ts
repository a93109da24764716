import { defineConfig } from 'vitest/config'

// Where `npm run dev` finds a running control plane.
const control = process.env.SELVEDGE_CONTROL ?? 'http://127.0.0.1:8421'

export default defineConfig({
  // Two pages, each a folder with an index.html; the server maps / to dashboard/ and /play to play/.
  build: {
    target: 'es2022',
    outDir: 'dist',
    assetsDir: 'assets',
    // A data: address would need a hole in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    sourcemap: false,
    rolldownOptions: { input: { dashboard: 'dashboard/index.html', play: 'play/index.html' } },
  },
  server: { proxy: { '/v1': control, '/status': control, '/healthz': control, '/readyz': control } },
  test: { include: ['**/*.test.ts'] },
})
