/* Folders of a table: a year, a month, a day each, or none. Internal to writing. */
#ifndef ASSAY_STORE_PARTITIONS_H
#define ASSAY_STORE_PARTITIONS_H

#include "assay/assay_store.h"
#include "table_files.h"

/* What most of a table's files have. `skip`: bytes of the database's folder in their paths. */
assay_partition assay_partition_of_files(const assay_files *files, size_t skip);

/* SQL of the number of a row's partition, by its column "timestamp": 20230103 for a day, 20230100 for a month, 20230000 for a
 * year, 0 for none. */
const char *assay_partition_sql(assay_partition partition);

/* TABLE/year=2023/month=1 of such a number. */
void assay_partition_folder(const char *table, assay_partition partition, int64_t part, char *out_text,
                            size_t size);

/* The file of a table that new rows of a folder (below the database) go into; NULL: there is none. */
const char *assay_file_in_folder(const assay_files *files, const char *database, const char *folder);

#endif
