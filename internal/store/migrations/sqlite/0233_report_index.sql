DROP INDEX document_report;
