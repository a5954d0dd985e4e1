/** Style sheets go into the panel's bundle. */
declare module "*.css";
