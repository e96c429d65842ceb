/**
 * What pages have in common, named here so that it comes in one file. The build makes a file for every set of pages
 * and tabs that share something, most of less than a kilobyte, and over a remote connection each is a slow request.
 */
import "../../src/core/problem/checkpointError";
import "../../src/core/problem/problem";
import "../../src/core/tensors/tensor";
import "../../src/core/text/columnFormat";
import "../../src/core/text/quantities";
import "../../src/core/text/tableText";
import "../../src/protocol/channel";
import "../charts/chartIcon";
import "../charts/chartTheme";
import "../charts/iconButton";
import "../charts/picture";
import "../ui/controls";
import "../ui/factList";
import "../ui/filterKeys";
import "../ui/lazyPart";
import "../ui/messageText";
import "../ui/names/middleEllipsis";
import "../ui/names/nameColumn";
import "../ui/names/nameText";
import "../ui/problems";
import "../ui/scrollRegion";
import "../ui/section";
import "../ui/shareBar";
import "../ui/splitPane";
import "../ui/tables/copyButtons";
import "../ui/tables/copyTableButtons";
import "../ui/tables/keyValueTable";
import "../ui/tables/rowKeys";
import "../ui/tabs";
import "./host";
import "./pageShell";
import "./persisted";
