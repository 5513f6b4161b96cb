/** What this server is to clients that look at its version: the release whose protocol and files it speaks. */
export const serverVersion = '3.8.4-odradek';
