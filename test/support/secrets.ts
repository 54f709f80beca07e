// Owns the secrets of the deployments that tests run: known, so that tests can also forge.

export const OPERATOR_KEY = "hfo_the-operator-of-the-tests";
export const SIGNING_SECRET = "the signing secret of the tests";
